package executor

import (
	"reflect"
	"time"
)

// A poller that has no wake channel is polled again after a pause that doubles
// from idleMin to idleMax while it finds nothing: a file may have grown. One with
// inputs (a backfill, which is done one day) is woken by every barrier anyway,
// and may sleep longer.
const (
	idleMin   = 5 * time.Millisecond
	idleMax   = 100 * time.Millisecond
	idleInner = time.Second
	// A source that is held back looks again after this time; the barrier that it
	// waits for wakes it earlier.
	heldPause = 5 * time.Millisecond
)

// poller is a Poller of the tree.
type poller struct {
	node  *node
	op    Poller
	ready bool          // it may have work
	pause time.Duration // until it is polled without being woken; 0: it has a wake channel
}

// pollSoon makes all pollers be asked again: after a barrier or a notice they
// may be free to go on.
func (t *Task) pollSoon() {
	for _, p := range t.pollers {
		p.ready = true
	}
}

// pollOne polls the next poller that may have work.
func (t *Task) pollOne() (did bool, err error) {
	if t.held = len(t.pollers) > 0 && t.opts.report.Throttled(); t.held {
		return false, nil
	}
	for range t.pollers {
		p := t.pollers[t.nextPoll]
		t.nextPoll = (t.nextPoll + 1) % len(t.pollers)
		if !p.ready {
			continue
		}
		t.tree.flow.emitted = false
		more, err := p.op.Poll(t.call, &p.node.out)
		lent := t.call.lease
		t.call.lease = nil
		if err != nil {
			return true, err
		}
		if t.borrows {
			lent.Release()
		}
		grown := t.reportDirty()
		if t.tree.flow.emitted || grown {
			t.opts.report.Active(t.call.Epoch)
		}
		p.ready = more
		if more || t.tree.flow.emitted {
			p.pause = idleMin
		} else {
			longest := idleMax
			if len(p.node.children) > 0 {
				longest = idleInner
			}
			p.pause = min(max(idleMin, 2*p.pause), longest)
		}
		return true, nil
	}
	return false, nil
}

// wait sleeps until something may have changed.
func (t *Task) wait() {
	if t.barrier != nil {
		t.gauge.set(aligning)
	} else {
		t.gauge.set(waiting)
	}
	var first, second *poller // those with a wake channel
	var firstWake, secondWake <-chan struct{}
	var pause time.Duration
	if t.barrier == nil {
		many := 0
		for _, p := range t.pollers {
			ch := p.op.Wake()
			switch {
			case ch == nil:
				if pause == 0 || p.pause < pause {
					pause = p.pause
				}
			case many == 0:
				first, firstWake = p, ch
				many++
			case many == 1:
				second, secondWake = p, ch
				many++
			default:
				many++
			}
		}
		if many > 2 {
			t.waitMany(pause)
			return
		}
	}
	if t.held {
		pause = heldPause
	}
	var timeout <-chan time.Time
	if pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-t.ctx.Done():
	case <-t.wake:
	case <-firstWake:
		first.ready = true
	case <-secondWake:
		second.ready = true
	case <-timeout:
		t.pollIdle()
	}
}

// pollIdle makes the pollers without a wake channel be asked again.
func (t *Task) pollIdle() {
	for _, p := range t.pollers {
		if p.op.Wake() == nil {
			p.ready = true
		}
	}
}

// waitMany is wait for a task with more than two wake channels: a fragment that
// unions many sources.
func (t *Task) waitMany(pause time.Duration) {
	cases := []reflect.SelectCase{
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(t.ctx.Done())},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(t.wake)},
	}
	if pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(timer.C)})
	}
	fixed := len(cases)
	var woken []*poller
	for _, p := range t.pollers {
		if ch := p.op.Wake(); ch != nil {
			cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ch)})
			woken = append(woken, p)
		}
	}
	i, _, _ := reflect.Select(cases)
	switch {
	case i >= fixed:
		woken[i-fixed].ready = true
	case i == 2:
		t.pollIdle()
	}
}
