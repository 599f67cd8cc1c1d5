package op

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// TestWatermarkPerSplit tells how the bounds of splits make the watermark: the
// slowest counts, until it is idle; all of it survives a restart.
func TestWatermarkPerSplit(t *testing.T) {
	s := optest.Schema(t, "ts int8, _row_id int8!")
	a := &alarms{}
	hub := &SourceHub{}
	filter := func(in []executor.Spec) executor.Spec {
		return &WatermarkFilter{In: in[0], Col: 0, Expr: operator(t, "-", col(s, 0), intConst(5)), RowID: 2, Idle: 10_000_000,
			Table: TableRef{ID: 100}, Quarantine: TableRef{ID: 101}, Name: "s"}
	}
	h := optest.New(t, []types.Schema{s}, filter, optest.Options{Env: &Env{Sources: hub, Alarm: func(stream.JobID) Alarm { return a }}})
	begin := h.Time()
	next := 0
	push := func(split int, times ...int) {
		var rows []string
		for _, at := range times {
			rows = append(rows, fmt.Sprintf("+ %d %d", at, split<<rowIDShift|next))
			next++
		}
		h.PushText(0, strings.Join(rows, "\n"))
	}
	at := func(want ...int64) {
		t.Helper()
		var got []int64
		for _, w := range h.Watermarks {
			got = append(got, w.Time+1)
		}
		if !slices.Equal(got, want) {
			t.Errorf("bounds %v, want %v", got, want)
		}
		h.Watermarks = nil
	}
	push(0, 100)
	at(95) // nobody knows of another split
	push(1, 97, 94, 110)
	at() // 94 is late; split 0 is at 95 still
	push(0, 130)
	at(105)
	h.Barrier()
	at()
	if want := begin.Add(10*time.Second).UnixMicro() + 1; a.at != want {
		t.Errorf("the alarm is set to %d, want %d: split 1 is idle then", a.at, want)
	}
	h.Restart()
	push(0, 104, 106, 200) // 104 is late
	h.SetTime(begin.Add(11 * time.Second))
	push(0, 210)
	h.Barrier()
	at(105, 205)
	push(1, 150) // late: it was away for too long
	push(1, 206)
	h.Barrier()
	at()
	if got, want := h.Sum().String(), 8; strings.Count(got, "\n")+1 != want {
		t.Errorf("%d rows passed, want %d:\n%s", strings.Count(got, "\n")+1, want, got)
	}
	if n := h.StateRows(storage.TableDef{ID: 101}); n != 3 {
		t.Errorf("%d late rows are kept, want 3", n)
	}
}

// TestWatermarkMoves: when parallelism has changed, a split that comes from an
// instance that was behind is not late where it comes to.
func TestWatermarkMoves(t *testing.T) {
	h := filterOfSplits(t)
	for instance, at := range []int{1000, 50} {
		h.SetVNodes(storage.VNodeSet{From: 128 * instance, To: 128 * (instance + 1)})
		h.Restart()
		h.PushText(0, fmt.Sprintf("+ %d %d", at, instance<<rowIDShift))
		h.Barrier()
	}
	h.SetVNodes(storage.AllVNodes)
	h.Restart()
	h.PushText(0, fmt.Sprintf("+ 46 %d\n+ 44 %d", 1<<rowIDShift|1, 1<<rowIDShift|2)) // 44 is late
	h.Barrier()
	if n := strings.Count(h.Sum().String(), "\n") + 1; n != 3 {
		t.Errorf("%d rows passed, want 3:\n%s", n, h.Sum())
	}
}

// TestWatermarkRests: no split is idle for the time in which nobody read any.
func TestWatermarkRests(t *testing.T) {
	const hour = 3_600_000_000
	m := splitMarks{spec: &WatermarkFilter{RowID: 2}, now: 10 * hour, marks: map[int64]*splitMark{
		0: {bound: 10, seen: 9 * hour}, 1: {bound: 20, seen: 9*hour - 1000}, 2: {bound: 5, seen: 9*hour - splitIdle - 1},
	}}
	m.resume()
	if m.idle(m.marks[0]) || m.idle(m.marks[1]) || !m.idle(m.marks[2]) || m.lowest() != 10 {
		t.Errorf("idle are %v %v %v, the least bound is %d; want that of the last split alone", m.idle(m.marks[0]), m.idle(m.marks[1]), m.idle(m.marks[2]), m.lowest())
	}
}

// TestWatermarkFollows: an instance does not take the watermark of the others
// over while it has splits that count, with or without rows so far.
func TestWatermarkFollows(t *testing.T) {
	align, source := &Alignment{}, &SourceState{}
	align.enter(1, 9, storage.AllVNodes).raise(500)
	f := &watermarkFilter{bound: math.MinInt64, mark: align.enter(1, 9, storage.AllVNodes)}
	f.splits = splitMarks{spec: &WatermarkFilter{RowID: 2}, owned: storage.AllVNodes, hub: source, now: 1_000_000, marks: map[int64]*splitMark{}}
	f.spec = f.splits.spec
	source.number("a")
	f.splits.join()
	if f.follow(); f.bound != math.MinInt64 {
		t.Errorf("bound %d before the first row", f.bound)
	}
	f.splits.now += splitIdle + 1
	if f.follow(); f.bound != 500 {
		t.Errorf("bound %d when the split is idle, want 500", f.bound)
	}
}

// TestWatermarkTells: instances get a barrier in any order. One that has had it
// before the others' last rows came still learns of them: there is one more
// barrier, and not another one.
func TestWatermarkTells(t *testing.T) {
	align, source, barriers := &Alignment{}, &SourceState{}, 0
	instance := func(owned storage.VNodeSet) *watermarkFilter {
		f := &watermarkFilter{spec: &WatermarkFilter{RowID: 2}, bound: math.MinInt64, told: math.MinInt64, mark: align.enter(1, 9, storage.AllVNodes), active: func() { barriers++ }}
		f.splits = splitMarks{spec: f.spec, owned: owned, hub: source, now: 1_000_000, marks: map[int64]*splitMark{}}
		return f
	}
	leader := instance(storage.VNodeSet{From: 0, To: 128}) // split 0 is there
	follower := instance(storage.VNodeSet{From: 128, To: 256})
	source.number("a")
	leader.splits.join()
	both := func(rows int64) {
		follower.follow() // its barrier
		if rows > 0 {
			leader.bound = rows
			leader.mark.raise(rows)
		}
		leader.mark.seen.Store(0) // however slow all this is
		leader.follow()
	}
	both(0) // an instance without splits says so, once
	barriers = 0
	both(500)
	if follower.bound != math.MinInt64 || barriers != 1 {
		t.Fatalf("bound %d, %d barriers; want none before the rows, and one more", follower.bound, barriers)
	}
	both(0)
	if follower.bound != 500 || barriers != 1 {
		t.Errorf("bound %d, %d barriers; want 500 with the one more", follower.bound, barriers)
	}
}

// filterOfSplits is a WatermarkFilter on ts with _row_id, 5 behind.
func filterOfSplits(t *testing.T) *optest.Harness {
	s := optest.Schema(t, "ts int8, _row_id int8!")
	filter := func(in []executor.Spec) executor.Spec {
		return &WatermarkFilter{In: in[0], Col: 0, Expr: operator(t, "-", col(s, 0), intConst(5)), RowID: 2, Table: TableRef{ID: 100}, Name: "s"}
	}
	return optest.New(t, []types.Schema{s}, filter, optest.Options{Env: &Env{Sources: &SourceHub{}}})
}

// TestWatermarkWaitsForSplits: a split that the source has found holds the
// watermark back before it brings its first row.
func TestWatermarkWaitsForSplits(t *testing.T) {
	m := splitMarks{}
	source := &SourceState{}
	source.number("a")
	source.number("b")
	m.spec, m.owned, m.hub, m.alarm, m.marks = &WatermarkFilter{RowID: 2}, storage.AllVNodes, source, noAlarm{}, map[int64]*splitMark{}
	m.now = 1_000_000
	m.join()
	own, others := m.turn(0)
	own.bound = 50
	if others != -1<<63 {
		t.Errorf("split b does not count: %d", others)
	}
	m.now += splitIdle + 1
	if _, others = m.turn(0); others != 1<<63-1 {
		t.Errorf("split b counts though it is idle: %d", others)
	}
}

// TestWatermarkEndedSplit: a split that has ended does not count, from the barrier
// on behind which none of its rows come; when all have, the greatest bound does.
func TestWatermarkEndedSplit(t *testing.T) {
	source := &SourceState{}
	m := splitMarks{spec: &WatermarkFilter{RowID: 2}, owned: storage.AllVNodes, hub: source, reader: 7, alarm: noAlarm{}, marks: map[int64]*splitMark{}}
	for number, bound := range []int64{10, 20} {
		own, _ := m.turn(int64(number))
		own.bound, own.dirty = bound, false
	}
	settle := func(epoch stream.Epoch) int64 {
		low, _ := m.settle(nil, stream.Barrier{Epoch: epoch}, math.MinInt64)
		return low
	}
	source.end(0, 0, 3) // the source has read it; who reads for itself has not
	if low := settle(5); low != 10 || m.ended() {
		t.Errorf("bound %d, want 10", low)
	}
	source.end(7, 0, 6)
	if low := settle(5); low != 10 {
		t.Errorf("bound %d before the last rows came, want 10", low)
	}
	if low := settle(6); low != 20 {
		t.Errorf("bound %d, want 20", low)
	}
	if _, others := m.turn(1); others != 1<<63-1 {
		t.Errorf("the ended split holds back: %d", others)
	}
	source.end(7, 1, 7)
	m.marks[1].dirty = false
	if low := settle(7); low != 20 || !m.ended() {
		t.Errorf("bound %d after all ended, want 20", low)
	}
	source.unend(7, storage.AllVNodes)
	if source.ended(7, 0, 9) || !source.ended(0, 0, 9) {
		t.Error("only what the reader told is forgotten when it opens again")
	}
}
