package op

import (
	"slices"
	"testing"
	"time"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// TestCatchUpEndsWithTheSource: a job that read some rows further than the live
// source is not done before the source has come there, or the two would disagree.
func TestCatchUpEndsWithTheSource(t *testing.T) {
	split := &splitReader{SplitState: SplitState{ID: "a", Next: 10, Done: true}, stat: &Stat{}}
	b := &sourceBackfill{
		readers: &readers{timer: time.NewTimer(time.Hour)}, hub: &SourceState{}, stat: &Stat{}, listed: true,
		splits: []*splitReader{split}, byNum: map[int64]*splitReader{0: split},
	}
	defer b.timer.Stop()
	done := func() bool {
		t.Helper()
		if _, err := b.Poll(nil, nil); err != nil {
			t.Fatal(err)
		}
		return b.stat.Done.Load()
	}
	if done() {
		t.Error("done before the source says where it is")
	}
	if b.hub.publish("a", 9); done() {
		t.Error("done while the source is behind")
	}
	if b.hub.publish("a", 10); !done() {
		t.Error("not done although the source has come there")
	}
}

// rowsOut collects the first column of what an operator emits.
type rowsOut struct{ ids []int64 }

func (o *rowsOut) Emit(b *stream.Batch) error {
	for i := range b.Rows() {
		o.ids = append(o.ids, b.Cols()[0].I64[i])
	}
	return nil
}

func (o *rowsOut) EmitWatermark(stream.Watermark) error { return nil }

// TestSplitsBetweenOthers: a batch may hold rows of several splits, also when its first
// and its last row are of one. What has been read privately does not pass once more.
func TestSplitsBetweenOthers(t *testing.T) {
	of := func(number int, row int64) int64 { return int64(number)<<rowIDShift | row }
	reader := func(number int, next int64, done bool) *splitReader {
		return &splitReader{SplitState: SplitState{Number: number, Next: next, Done: done}, stat: &Stat{}}
	}
	splits := map[int64]*splitReader{1: reader(1, 0, true), 2: reader(2, 5, true), 3: reader(3, 9, false)}
	b := &sourceBackfill{
		spec: &SourceBackfill{Conf: SourceConf{Schema: make(types.Schema, 1)}}, byNum: splits, cols: []int{1},
	}
	ids := []int64{of(1, 3), of(2, 4), of(2, 5), of(3, 1), of(3, 9), of(4, 0), of(1, 4)}
	v := vec.Vec{Layout: types.LInt64, N: len(ids), I64: ids}
	var out rowsOut
	if err := b.Process(nil, 0, stream.NewBatch(len(ids), []vec.Vec{v, v}, nil), &out); err != nil {
		t.Fatal(err)
	}
	if want := []int64{of(1, 3), of(2, 5), of(1, 4)}; !slices.Equal(out.ids, want) {
		t.Errorf("%x passed, want %x", out.ids, want)
	}
	if splits[1].Seen != 5 || splits[2].Seen != 6 {
		t.Errorf("seen to %d and %d, want 5 and 6", splits[1].Seen, splits[2].Seen)
	}
}

// TestSourceWaitsForCatchUp: the live source waits for a job that will soon have caught
// up, were that ever so much slower; not for one that is far behind, and not for one
// that is paused.
func TestSourceWaitsForCatchUp(t *testing.T) {
	conf := nexmarkConf("900000000")
	all := allCols(len(conf.Schema))
	live := &Source{Conf: conf, Cols: all, Out: sourceOut(conf, all), Splits: TableRef{ID: 70, Name: "splits"}, Quarantine: TableRef{ID: 71, Name: "quarantine"}}
	late := &SourceBackfill{In: &executor.Input{Upstream: 1, Cols: live.Out}, Conf: conf, Cols: []int{2, 0},
		Out: sourceOut(conf, []int{2, 0}), State_: TableRef{ID: 80, Name: "backfill"}}
	chunks := 0
	env := budget(&chunks)
	src := optest.New(t, nil, func([]executor.Spec) executor.Spec { return live }, optest.Options{Env: env})
	job := optest.New(t, []types.Schema{live.Out}, func([]executor.Spec) executor.Spec { return late }, optest.Options{Env: env})
	poll := func(h *optest.Harness, n int) {
		chunks = n
		h.Poll()
	}
	hub := env.Sources.Of(1)
	for deadline := time.Now().Add(20 * time.Second); len(hub.pos) < 3; time.Sleep(time.Millisecond) {
		if poll(src, 3); time.Now().After(deadline) {
			t.Fatal("no splits")
		}
	}
	ahead := func(rows int64) {
		for id, at := range hub.pos {
			hub.publish(id, at+rows)
		}
	}
	waits := func() bool {
		time.Sleep(2 * waitFor)
		poll(job, 40) // finds the splits, and reads
		poll(job, 40)
		return hub.waits(time.Now())
	}
	ahead(10_000)
	if !waits() {
		t.Error("the source goes on, though the job is 10,000 rows behind")
	}
	ahead(1e12)
	if waits() {
		t.Error("the source waits for a job that is far behind")
	}
	poll(job, 1)
	for id, s := range hub.pos {
		hub.publish(id, s-1e12-8000)
	}
	if !waits() {
		t.Fatal("the source goes on, though the job has nearly caught up")
	}
	if time.Sleep(nearlyThere + waitFor); hub.waits(time.Now()) {
		t.Error("the source waits for a job that is gone")
	}
	if poll(job, 0); hub.waits(time.Now()) {
		t.Error("the source waits for a job that is paused")
	}
}
