package op

import (
	"math/rand/v2"
	"testing"
	"time"

	"streamdb/connector"
	"streamdb/connector/nexmark"
	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
)

func nexmarkConf(events string) SourceConf {
	def := nexmark.Def()
	conf := SourceConf{Name: "bid", Connector: "nexmark", Options: map[string]string{
		"nexmark.table.type": "Bid", "nexmark.event.num": events, "nexmark.split.num": "3",
		"nexmark.min.event.gap.in.ns": "0", "nexmark.max.chunk.size": "50",
	}}
	conf.Schema, _ = def.Schema(conf.Config())
	return conf
}

func sourceOut(conf SourceConf, cols []int) (out types.Schema) {
	for _, c := range cols {
		out = append(out, conf.Schema[c])
	}
	return append(out, types.Column{Name: "_row_id", Type: types.Of(types.Int8), Hidden: true})
}

func testConnectors(name string) (*connector.Def, bool) {
	return nexmark.Def(), name == "nexmark"
}

// budget makes an Env whose sources read n chunks and then rest.
func budget(n *int) *Env {
	return &Env{
		Connectors: testConnectors, Sources: &SourceHub{}, Stats: &Stats{},
		Rate: func(stream.JobID, RateKind) float64 {
			if *n--; *n < 0 {
				return 0
			}
			return -1
		},
	}
}

// TestSourceExactlyOnce reads a source with restarts behind any barrier, and
// crashes between them.
func TestSourceExactlyOnce(t *testing.T) {
	conf := nexmarkConf("3000")
	cols := []int{0, 2, 6}
	spec := &Source{Conf: conf, Cols: cols, Out: sourceOut(conf, cols), Splits: TableRef{ID: 70, Name: "splits"}, Quarantine: TableRef{ID: 71, Name: "quarantine"}}
	run := func(restarts bool) string {
		chunks := 0
		env := budget(&chunks)
		h := optest.New(t, nil, func([]executor.Spec) executor.Spec { return spec }, optest.Options{Env: env})
		rnd := rand.New(rand.NewPCG(1, 2))
		deadline := time.Now().Add(20 * time.Second)
		for ended := 0; ended < 3; {
			if time.Now().After(deadline) {
				t.Fatal("the source does not come to its end")
			}
			chunks = 1 + rnd.IntN(9)
			h.Poll()
			if restarts && rnd.IntN(3) == 0 {
				env.Stats = &Stats{} // what was read is lost, and read again
				h.Restart()
				h.Barrier()
				continue
			}
			if len(h.Barrier()) == 0 {
				time.Sleep(time.Millisecond) // splits are found in the background
			}
			ended = 0
			env.Stats.Each(func(_ StatKey, s *Stat) {
				if s.Done.Load() {
					ended++
				}
			})
		}
		h.Barrier()
		h.Restart()
		return h.Sum().String()
	}
	want := run(false)
	if got := run(true); got != want {
		t.Errorf("with restarts other rows came: %d bytes of text, without %d", len(got), len(want))
	}
	if len(want) < 2760*20 {
		t.Errorf("too few rows: %d bytes of text", len(want))
	}
	rows, err := optest.Bounded(t, nil, func([]executor.Spec) executor.Spec { return spec }, nil, 1)
	_ = rows
	if err == nil {
		t.Error("a query over a source without connectors gives no error")
	}
}

// TestSourceBackfill: a job that comes later sees all rows once, whenever it
// switches to the live ones.
func TestSourceBackfill(t *testing.T) {
	conf := nexmarkConf("6000")
	conf.Options["nexmark.min.event.gap.in.ns"] = "50000" // six thousand events in 0.3 s
	all := allCols(len(conf.Schema))
	live := &Source{Conf: conf, Cols: all, Out: sourceOut(conf, all), Splits: TableRef{ID: 70, Name: "splits"}, Quarantine: TableRef{ID: 71, Name: "quarantine"}}
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		chunks := 0
		env := budget(&chunks)
		src := optest.New(t, nil, func([]executor.Spec) executor.Spec { return live }, optest.Options{Env: env})
		var late *optest.Harness
		spec := &SourceBackfill{
			In: &executor.Input{Upstream: 1, Cols: live.Out}, Conf: conf, Cols: []int{2, 0},
			Out: sourceOut(conf, []int{2, 0}), State_: TableRef{ID: 80, Name: "backfill"},
		}
		open := func() {
			late = optest.New(t, []types.Schema{live.Out}, func(in []executor.Spec) executor.Spec { return spec }, optest.Options{Env: env})
		}
		deadline := time.Now().Add(20 * time.Second)
		var rows []optest.Row
		src.OnOutput = func(b *stream.Batch) {
			for _, c := range optest.Changes(b) {
				rows = append(rows, c.Row)
			}
			if late != nil {
				late.Push(0, optest.Changes(b))
			}
		}
		for step := 0; ; step++ {
			if time.Now().After(deadline) {
				t.Fatal("the two do not meet")
			}
			if late == nil && step > 2+rnd.IntN(20) {
				open()
			}
			chunks = rnd.IntN(5)
			src.Poll()
			if late != nil {
				chunks = rnd.IntN(8)
				late.Poll()
				late.Barrier()
				if rnd.IntN(4) == 0 {
					late.Restart()
				}
			}
			src.Barrier()
			ended := 0
			env.Stats.Each(func(k StatKey, s *Stat) {
				if s.Done.Load() {
					ended++
				}
			})
			if ended == 4 {
				break
			}
			if step%5 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		late.Barrier()
		want := optest.Net{}
		for _, r := range rows {
			want.Add(optest.Text(spec.Out, optest.Row{r[2], r[0], r[7]}), 1)
		}
		if got := late.Sum().String(); got != want.String() {
			t.Errorf("seed %d: %d bytes of rows, the source has %d", seed, len(got), len(want.String()))
		}
	}
}
