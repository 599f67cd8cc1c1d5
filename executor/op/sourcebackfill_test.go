package op

import (
	"testing"
	"time"
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
