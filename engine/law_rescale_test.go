package engine_test

import "fmt"

// rescale changes the parallelism of a table's job, and with it restarts
// everything that reads the table, at a barrier.
func (g *lawGen) rescale(tables []*lawRel) lawStep {
	t := tables[g.IntN(len(tables))]
	return lawStep{local: fmt.Sprintf("alter table %s set parallelism = %s", t.name, lawPick(g, "1", "2", "3", "5", "adaptive"))}
}
