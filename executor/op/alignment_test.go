package op

import (
	"math"
	"testing"
	"time"

	"streamdb/storage"
	"streamdb/stream"
)

func TestAlignmentHoldsTheSourceThatIsAhead(t *testing.T) {
	a, hub := &Alignment{}, &SourceHub{}
	const job = stream.JobID(7)
	all := storage.AllVNodes
	fast, slow, twin := a.enter(job, 1, all), a.enter(job, 2, all), a.enter(job, 1, all)
	for _, m := range []*inputMark{fast, slow, twin} {
		m.source = hub.Of(stream.JobID(m.group))
		m.source.heed(m)
	}
	held := func(group stream.JobID) bool { return hub.Of(group).held(all) }

	fast.raise(10 * alignSlack)
	if held(1) || held(2) {
		t.Fatal("held while no other input has a watermark")
	}
	slow.raise(math.MinInt64)
	if held(1) {
		t.Fatal("held by an input that has no watermark yet")
	}
	slow.raise(9 * alignSlack)
	if held(1) || held(2) {
		t.Fatal("held at the slack")
	}
	fast.raise(10*alignSlack + 1)
	if !held(1) || held(2) {
		t.Fatal("the input that is ahead is not held, or the one behind is")
	}
	slow.raise(10 * alignSlack)
	if held(1) {
		t.Fatal("still held after the other caught up")
	}
	fast.raise(20 * alignSlack)
	slow.seen.Store(time.Now().Add(-2 * idleAfter).UnixNano())
	if held(1) {
		t.Fatal("held by an input that is idle")
	}
	slow.raise(10 * alignSlack)
	if !held(1) {
		t.Fatal("not held by an input that woke up")
	}
	slow.leave()
	if held(1) {
		t.Fatal("held by an input that is gone")
	}
	if low, ok := twin.lowest(); !ok || low != 20*alignSlack {
		t.Fatalf("an idle instance finds %d, %v as its siblings' watermark", low, ok)
	}
	fast.leave()
	twin.leave()
	if len(hub.Of(1).marks) != 0 {
		t.Fatal("a mark stays with the source")
	}
}

// TestAlignmentWaitsForTheLeast: of two instances of an input one is ahead of the
// other input, and one behind. Were both sources held, nothing would come until the
// instances count as idle.
func TestAlignmentWaitsForTheLeast(t *testing.T) {
	a, hub := &Alignment{}, &SourceHub{}
	const job = stream.JobID(7)
	all := storage.AllVNodes
	front, back, other := a.enter(job, 1, all), a.enter(job, 1, all), a.enter(job, 2, all)
	for _, m := range []*inputMark{front, back, other} {
		m.source = hub.Of(stream.JobID(m.group))
		m.source.heed(m)
	}
	back.raise(0)
	other.raise(alignSlack + 1)
	front.raise(2*alignSlack + 2)
	if hub.Of(1).held(all) {
		t.Error("the source that has what is furthest behind is held")
	}
	if !hub.Of(2).held(all) {
		t.Error("the source that is ahead of that is not held")
	}
	back.raise(2*alignSlack + 2)
	if !hub.Of(1).held(all) || hub.Of(2).held(all) {
		t.Error("all of one input is ahead, but the other one is held")
	}
	front.raise(4 * alignSlack)
	back.ended.Store(true)
	other.raise(2 * alignSlack)
	if !hub.Of(1).held(all) {
		t.Error("not held when the instance behind has ended")
	}
}

// TestAlignmentOfSiblings: of the instances of an input that read a backlog, those that
// are ahead wait; in real time nobody waits for one that is behind.
func TestAlignmentOfSiblings(t *testing.T) {
	a, hub := &Alignment{}, &SourceHub{}
	parts := storage.SplitVNodes(2)
	front, back := a.enter(stream.JobID(7), 1, parts[0]), a.enter(stream.JobID(7), 1, parts[1])
	for _, m := range []*inputMark{front, back} {
		m.source = hub.Of(1)
		m.source.heed(m)
	}
	// rise brings rows of an instance after a while in which the clock went on and
	// its watermark by so many times that.
	rise := func(m *inputMark, times int64) {
		m.fromTime -= 10 * int64(speedOver)
		m.raise(m.at.Load() + times*10*speedOver.Microseconds())
	}
	front.raise(siblingSlack + 1)
	back.raise(0)
	held := func(want bool, why string) {
		t.Helper()
		if hub.Of(1).held(parts[0]) != want {
			t.Error(why)
		}
		if hub.Of(1).held(parts[1]) {
			t.Error("the one behind is held")
		}
	}
	held(false, "held before its speed is known")
	rise(front, 1)
	held(false, "held in real time")
	rise(front, 2*replaySpeed)
	held(true, "not held in a backlog")
	back.raise(front.at.Load() - siblingSlack)
	held(false, "held at the slack")
	rise(front, 2*replaySpeed)
	held(true, "not held beyond the slack")
	back.seen.Store(time.Now().Add(-2 * idleAfter).UnixNano())
	held(false, "held by an idle instance")
	back.raise(0)
	held(true, "not held by one that woke up")
	back.ended.Store(true)
	held(false, "held by an instance that has ended")
}
