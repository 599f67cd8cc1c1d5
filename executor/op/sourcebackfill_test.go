package op

import (
	"slices"
	"testing"
	"time"

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
