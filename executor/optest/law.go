package optest

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/stream"
	"streamdb/types"
)

// Law says what a tree of operators computes, for Check.
type Law struct {
	Schemas []types.Schema
	Build   Build
	// Gen draws a row of an input. Few different values make collisions likely.
	Gen []func(t *rapid.T) Row
	// Keys names per input the columns that are unique among its rows; nil: rows
	// may repeat.
	Keys [][]int
	// AppendOnly inputs never retract; nil: all do.
	AppendOnly []bool
	// Oracle computes the output from all rows of the inputs.
	Oracle func(in [][]Row) []Row
	// History makes an Oracle for one history, for results that depend on it: it is
	// called after every barrier. In place of Oracle; implies NoBounded.
	History func() func(in [][]Row) []Row
	// OracleAt is Oracle where the output depends on the time, and Pass draws by how
	// much that goes on with an epoch.
	OracleAt func(at time.Time, in [][]Row) []Row
	Pass     func(t *rapid.T) time.Duration
	// NoBounded leaves out the comparison with a bounded run (whose result may
	// differ in what SQL leaves open).
	NoBounded bool
	Env       any
	// Changes is the most changes of an input in one epoch; 0: 12.
	Changes int
}

// Check tests a law with random histories: after every barrier the sum of the
// outputs must be the oracle's result for the sum of the inputs.
func Check(t *testing.T, law Law) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) { law.history(t, rt) })
}

// table is the rows of an input.
type table struct {
	rows []Row
	keys []int
}

func (tb *table) sameKey(a, b Row) bool {
	for _, k := range tb.keys {
		if a[k] != b[k] {
			return false
		}
	}
	return true
}

// limits are the memory, in bytes, that histories with eviction have: too little for
// anything, and for a part of a small state.
var limits = []int64{1, 3 << 10, 12 << 10, 20 << 10}

func (law *Law) history(t *testing.T, rt *rapid.T) {
	h := New(rt2tb{t, rt}, law.Schemas, law.Build, Options{Evict: rapid.Bool().Draw(rt, "evict"), Limit: rapid.SampledFrom(limits).Draw(rt, "limit"), Env: law.Env})
	defer h.Close()
	run := *law
	if law = &run; run.History != nil {
		run.Oracle, run.NoBounded = run.History(), true
	}
	tables := make([]*table, len(law.Schemas))
	for i := range tables {
		tables[i] = &table{}
		if law.Keys != nil {
			tables[i].keys = law.Keys[i]
		}
	}
	for epoch := range rapid.IntRange(1, 6).Draw(rt, "epochs") {
		changes := make([][]Change, len(tables))
		for i := range tables {
			changes[i] = law.epoch(rt, i, tables[i])
		}
		law.pass(rt, h)
		if rapid.IntRange(0, 9).Draw(rt, "crash") == 0 {
			law.feed(rt, h, changes) // lost
			h.Restart()
			law.pass(rt, h)
		}
		law.feed(rt, h, changes)
		h.Barrier()
		law.compare(rt, h, tables, epoch)
		switch rapid.IntRange(0, 5).Draw(rt, "then") {
		case 0:
			h.SetEvict(rapid.Bool().Draw(rt, "evict"))
			h.Restart()
		case 1:
			h.Barrier() // nothing came: nothing may change
			law.compare(rt, h, tables, epoch)
		}
	}
	if !law.NoBounded {
		law.bounded(t, rt, tables)
	}
}

// pass lets time pass.
func (law *Law) pass(rt *rapid.T, h *Harness) {
	if law.Pass != nil {
		h.SetTime(h.Time().Add(law.Pass(rt)))
	}
}

// oracle is the output that there should be.
func (law *Law) oracle(h *Harness, in [][]Row) []Row {
	if law.OracleAt != nil {
		return law.OracleAt(h.Time(), in)
	}
	return law.Oracle(in)
}

// epoch draws the changes of one epoch and applies them to the table.
func (law *Law) epoch(rt *rapid.T, in int, tb *table) []Change {
	appendOnly := law.AppendOnly != nil && law.AppendOnly[in]
	var out []Change
	remove := func(k int) {
		out = append(out, Change{stream.Delete, tb.rows[k]})
		tb.rows = slices.Delete(tb.rows, k, k+1)
	}
	most := law.Changes
	if most == 0 {
		most = 12
	}
	for range rapid.IntRange(0, most).Draw(rt, "changes") {
		if !appendOnly && len(tb.rows) > 0 && rapid.IntRange(0, 9).Draw(rt, "delete") < 4 {
			remove(rapid.IntRange(0, len(tb.rows)-1).Draw(rt, "row"))
			continue
		}
		r := law.Gen[in](rt)
		if tb.keys != nil {
			if k := slices.IndexFunc(tb.rows, func(o Row) bool { return tb.sameKey(o, r) }); k >= 0 {
				if appendOnly {
					continue
				}
				remove(k)
			}
		}
		tb.rows = append(tb.rows, r)
		out = append(out, Change{stream.Insert, r})
	}
	return out
}

// feed pushes the changes of an epoch in any order, inputs interleaved, in
// batches of any size.
func (law *Law) feed(rt *rapid.T, h *Harness, changes [][]Change) {
	h.Poll()
	rest := make([][]Change, len(changes))
	for i := range changes {
		rest[i] = slices.Clone(changes[i])
		if len(rest[i]) > 1 && rapid.Bool().Draw(rt, "shuffle") {
			rest[i] = rapid.Permutation(rest[i]).Draw(rt, "order")
		}
	}
	for {
		var open []int
		for i := range rest {
			if len(rest[i]) > 0 {
				open = append(open, i)
			}
		}
		if len(open) == 0 {
			return
		}
		i := open[rapid.IntRange(0, len(open)-1).Draw(rt, "input")]
		n := rapid.IntRange(1, len(rest[i])).Draw(rt, "batch")
		h.Push(i, rest[i][:n])
		rest[i] = rest[i][n:]
	}
}

func (law *Law) compare(rt *rapid.T, h *Harness, tables []*table, epoch int) {
	rt.Helper()
	in := make([][]Row, len(tables))
	for i := range tables {
		in[i] = tables[i].rows
	}
	if want := NetOf(h.spec.Schema(), law.oracle(h, in)); h.Sum().String() != want.String() {
		rt.Fatalf("after epoch %d %s", epoch+1, diffText(h.Sum(), want))
	}
}

func (law *Law) bounded(t *testing.T, rt *rapid.T, tables []*table) {
	in := make([][]Row, len(tables))
	for i := range tables {
		in[i] = tables[i].rows
	}
	got, err := Bounded(t, law.Schemas, law.Build, in, rapid.IntRange(1, 8).Draw(rt, "perBatch"))
	if err != nil {
		rt.Fatalf("bounded: %v", err)
	}
	ins := make([]executor.Spec, len(law.Schemas))
	for i, s := range law.Schemas {
		ins[i] = &executor.Input{Fragment: i, Cols: s}
	}
	schema := law.Build(ins).Schema()
	if got, want := NetOf(schema, got), NetOf(schema, law.Oracle(in)); got.String() != want.String() {
		rt.Fatalf("bounded run %s", diffText(got, want))
	}
}

// rt2tb lets the harness fail the history, so that rapid shrinks it.
type rt2tb struct {
	testing.TB
	rt *rapid.T
}

func (x rt2tb) Helper()                           {}
func (x rt2tb) Fatalf(format string, args ...any) { x.rt.Fatalf(format, args...) }
func (x rt2tb) Cleanup(func())                    {} // history closes its harness
