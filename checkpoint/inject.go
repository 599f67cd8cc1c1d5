package checkpoint

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
)

// injectLoop is the injector: it sleeps until a barrier is due.
func (c *Coordinator) injectLoop() {
	defer c.wg.Done()
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		now := time.Now()
		c.mu.Lock()
		c.excuse(now)
		e, wait := c.choose(now)
		slow := c.slowEpochs(now)
		c.lookAt = now.Add(wait) // at once, if one is due
		if e == nil && (wait == 0 || len(c.flight) == 0) {
			c.lookAt = time.Time{}
		}
		c.mu.Unlock()
		for _, e := range slow {
			c.log.Warn("checkpoint is slow: epoch " + formatEpoch(e.Epoch) + " still waits for " + strings.Join(c.describeTasks(e.Awaited), ", "))
		}
		if e != nil {
			c.inject(e)
			continue
		}
		c.help(now)
		if wait > 0 {
			timer.Reset(wait)
		}
		select {
		case <-c.wakeInject:
		case <-timer.C:
		case <-c.stop:
		}
		timer.Stop()
	}
}

// choose makes the next epoch that is due, if one is, or says after which time to
// look again (0: only when woken).
func (c *Coordinator) choose(now time.Time) (e *epoch, wait time.Duration) {
	if c.failure != nil {
		return nil, 0
	}
	for _, is := range slices.Clone(c.islands) {
		if is.loose && len(is.flight) == 0 {
			c.split(is)
		}
	}
	waiting, gathers := c.gathers(now)
	if tickets, islands := c.group(now, gathers); tickets != nil {
		return c.begin(islands, tickets, now), 0
	}
	if waiting {
		wait = longestGather
	}
	c.ring()
	full := c.dirty.Load() >= c.opts.DirtyLimit
	for _, is := range c.islands {
		due, w := c.decide(is, now, full)
		if due {
			return c.begin([]*island{is}, nil, now), 0
		}
		if w > 0 && (wait == 0 || w < wait) {
			wait = w
		}
	}
	return nil, wait
}

// group takes requests that can have a barrier now from the queue: the first that
// can, with those that concern no other islands. Who comes later does not take the
// room of one that waits for several islands, unless one of these is slow and
// without room: the others are not to be slow with it. gathers: those that want a sync
// are not begun with.
func (c *Coordinator) group(now time.Time, gathers bool) (tickets []*Ticket, islands []*island) {
	held := map[*island]bool{}
	left := c.queue[:0:0]
	for _, t := range c.queue {
		of := c.islandsOf(t)
		elsewhere := func(is *island) bool { return !slices.Contains(islands, is) }
		blocked := func(is *island) bool { return !is.roomy() || held[is] }
		switch {
		case tickets != nil && (len(of) > 0) == (len(islands) > 0) && !slices.ContainsFunc(of, elsewhere):
			tickets = append(tickets, t)
			continue
		case tickets == nil && gathers && t.req.Sync:
			left = append(left, t)
			continue
		case tickets == nil && !slices.ContainsFunc(of, blocked):
			tickets, islands = []*Ticket{t}, of
			continue
		}
		left = append(left, t)
		if tickets != nil {
			continue
		}
		for _, is := range of {
			held[is] = held[is] || !slices.ContainsFunc(of, func(other *island) bool { return other != is && !other.roomy() && other.slow(now) })
		}
	}
	if tickets != nil {
		c.queue = left
	}
	return tickets, islands
}

// decide reports whether a barrier of an island for which nobody asked is due, or
// else after which time to look again (0: only when woken). full: there is much
// unsealed state.
func (c *Coordinator) decide(is *island, now time.Time, full bool) (due bool, wait time.Duration) {
	if len(is.flight) > 0 { // the interval stretches while an epoch is in flight
		oldest := is.flight[0]
		wait = pulse
		if at := c.helpAt(oldest); !at.IsZero() {
			wait = min(wait, max(at.Sub(now), time.Millisecond))
		}
		if !oldest.reported {
			wait = min(wait, max(oldest.injected.Add(c.opts.Timeout+oldest.excused).Sub(now), time.Millisecond))
		}
		return false, wait
	}
	interval := stretched(c.opts.BarrierInterval, is.lastTook)
	switch {
	case full && is.dirty() >= c.opts.DirtyLimit/int64(len(c.islands)): // at least one island has its share
		interval = c.opts.BarrierInterval / 10 // not at once: sealing must have had a chance to bring it down
	case is.idle(): // nothing entered: an idle graph costs nothing
		if wait, ok := c.untilAlarm(is); !ok || wait > 0 {
			return false, wait
		}
	}
	at := is.injectedAt.Add(interval)
	if !now.Before(at) {
		return true, 0
	}
	return false, at.Sub(now)
}

// slowEpochs lists the oldest epochs of islands, each once, that are in flight for
// too long.
func (c *Coordinator) slowEpochs(now time.Time) (slow []InFlight) {
	for _, e := range c.oldest() {
		if e.reported || e.taken || now.Sub(e.injected)-e.excused < c.opts.Timeout {
			continue
		}
		e.reported = true
		slow = append(slow, InFlight{Epoch: e.n, Injected: e.injected, Awaited: e.waiting()})
	}
	return slow
}

// oldest lists the epochs that are the first in flight on all their islands: those
// that nothing but their own acks keeps from being committed.
func (c *Coordinator) oldest() (out []*epoch) {
	for _, e := range c.flight {
		if !slices.ContainsFunc(e.islands, func(is *island) bool { return is.flight[0] != e }) {
			out = append(out, e)
		}
	}
	return out
}

// begin makes the next epoch of the islands.
func (c *Coordinator) begin(islands []*island, tickets []*Ticket, now time.Time) *epoch {
	n := c.Next()
	e := &epoch{
		n: n, islands: slices.Clone(islands), injected: now, since: now, injecting: true, tickets: tickets,
		members: map[*Member]part{},
		awaited: map[stream.TaskID]bool{},
		deltas:  map[stream.JobID][]*storage.Delta{},
		failed:  map[stream.JobID]error{},
	}
	c.next.Store(uint64(n) + 1) // from here on AddJob means n+1
	c.flight = append(c.flight, e)
	c.injecting = e
	for _, is := range islands {
		p := part{prev: is.last, at: c.times.ends(is, c.opts.Clock)}
		if p.at.After(e.at) {
			e.at = p.at
		}
		for _, m := range is.members {
			if m.takesPart(n) {
				e.members[m] = p
			}
		}
		is.flight = append(is.flight, e)
		is.last, is.injectedAt = n, now
		is.heldSince.Store(now.UnixNano())
	}
	if len(islands) == 0 {
		e.at = c.opts.Clock.Now()
	}
	for _, t := range tickets {
		if t.req.Sync {
			e.syncs++
		}
	}
	return e
}

// inject hands the barrier of an epoch to all sources.
func (c *Coordinator) inject(e *epoch) {
	c.notes.begin(e.n, c.triggerOf(e.tickets))
	e.tickets = c.runBefore(e)
	change := joinChanges(e)

	barriers := map[Injector]stream.Barrier{}
	c.mu.Lock()
	c.injecting = nil
	for m, p := range e.members {
		if change != nil && change.Stop[m.id] && m.until == 0 && m.from <= e.n {
			m.until = e.n
		}
		if !m.takesPart(e.n) {
			continue
		}
		for t := range m.tasks {
			e.awaited[t] = true
		}
		for _, s := range m.sources {
			barriers[s] = stream.Barrier{Epoch: e.n, Prev: p.prev, Time: p.at, Injected: e.injected, Change: change}
		}
	}
	for _, t := range e.tickets {
		for _, id := range t.req.Jobs {
			if len(c.jobs[id]) == 0 && e.failed[id] == nil {
				e.failed[id] = c.whyDead(id)
			}
		}
	}
	e.tasks, e.named = len(e.awaited), true
	c.mu.Unlock()

	for s, b := range barriers {
		s.Inject(b)
	}
	c.mu.Lock()
	e.injecting = false
	e.checkAligned()
	c.mu.Unlock()
	wake(c.wakeCommit)
}

// whyDead is the error for a request that names a job that does not run.
func (c *Coordinator) whyDead(id stream.JobID) error {
	if err := c.dead[id]; err != nil {
		return err
	}
	return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "job %d is not running", id)
}

// deadFor is why a request cannot be carried out before its change is made, which
// may start anew what it names; nil: all jobs that it names run.
func (c *Coordinator) deadFor(t *Ticket) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range t.req.Jobs {
		if len(c.jobs[id]) == 0 {
			return c.whyDead(id)
		}
	}
	return nil
}

// runBefore calls the Before functions. Requests whose function fails leave, and
// so do those that name a job which has failed.
func (c *Coordinator) runBefore(e *epoch) []*Ticket {
	kept := e.tickets[:0]
	for _, t := range e.tickets {
		if err := c.deadFor(t); err != nil {
			t.finish(0, err)
			continue
		}
		if t.req.Before != nil {
			if err := t.req.Before(e.n); err != nil {
				t.finish(0, err)
				continue
			}
		}
		kept = append(kept, t)
	}
	return kept
}

// joinChanges collects the changes of all requests into one; nil: none.
func joinChanges(e *epoch) *stream.Change {
	var all *stream.Change
	for _, t := range e.tickets {
		if t.req.Change == nil {
			continue
		}
		ch := t.req.Change(e.n)
		if ch == nil {
			continue
		}
		if all == nil {
			all = &stream.Change{Stop: map[stream.JobID]bool{}, Attach: map[stream.TaskID][]any{}}
		}
		maps.Copy(all.Stop, ch.Stop)
		for task, edges := range ch.Attach {
			all.Attach[task] = append(all.Attach[task], edges...)
		}
	}
	return all
}

// failureOf returns why a request that shared the epoch failed; nil: it did not.
func (e *epoch) failureOf(t *Ticket) error {
	var errs []error
	for _, id := range t.req.Jobs {
		if err := e.failed[id]; err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}
