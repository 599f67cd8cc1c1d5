package checkpoint

import (
	"slices"
	"time"

	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
)

// commitTries is how often a commit is tried when the disk refuses it, with
// growing pauses (about 6 s in all): space may be freed meanwhile.
const commitTries = 7

// commitLoop is the committer: it commits complete epochs in order.
func (c *Coordinator) commitLoop() {
	defer c.wg.Done()
	defer close(c.commitDone)
	for stopping := false; ; {
		if e := c.takeComplete(); e != nil {
			c.commit(e)
			continue
		}
		if stopping {
			return
		}
		select {
		case <-c.wakeCommit:
		case <-c.stop:
			stopping = true // once more: an ack may have come just before
		}
	}
}

// takeComplete takes an epoch all of whose acks are in, and that is the oldest on
// its islands.
func (c *Coordinator) takeComplete() *epoch {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil || c.failing > 0 {
		return nil
	}
	for _, e := range c.oldest() {
		if e.complete() {
			e.taken = true
			return e
		}
	}
	return nil
}

// commitOf is what an epoch that was taken commits, but for its requests. The
// commit gets the number of the epoch, unless one with a higher number came before.
func (c *Coordinator) commitOf(e *epoch) storage.CommitReq {
	req := storage.CommitReq{Epoch: max(e.n, c.store.Visible()+1), Of: e.n}
	for _, deltas := range e.deltas {
		req.Deltas = append(req.Deltas, deltas...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for m, p := range e.members {
		req.Jobs = append(req.Jobs, &m.progress)
		m.at = p.at
	}
	for _, incarnations := range c.jobs {
		for _, m := range incarnations {
			if !m.timed.Load() {
				continue
			}
			if req.Times == nil {
				req.Times = map[stream.JobID]time.Time{}
			}
			req.Times[m.id] = m.at
		}
	}
	if e.at.After(c.committed) { // what is committed later may be earlier on its island
		c.committed = e.at
	}
	req.Time = c.committed
	return req
}

func (c *Coordinator) commit(e *epoch) {
	taken := time.Now()
	c.metaMu.Lock()
	req := c.commitOf(e)
	req.Meta = c.takeAttached()
	var good []*Ticket
	for _, t := range e.tickets {
		if err := e.failureOf(t); err != nil {
			t.finish(0, err)
			continue
		}
		good = append(good, t)
		if t.req.Meta != nil {
			req.Meta = append(req.Meta, t.req.Meta(e.n)...)
		}
		if t.req.Commits != nil {
			t.req.Commits(req.Epoch)
		}
		req.Drop = append(req.Drop, t.req.Drop...)
	}
	info, err := c.tryCommit(req)
	c.metaMu.Unlock()
	if err != nil {
		c.giveUp(err, e, good)
		return
	}
	done := time.Now()

	needSync := false
	var waiting, finished []*Ticket
	for _, t := range good {
		if t.req.Sync {
			t.epoch = e.n
			waiting = append(waiting, t)
			needSync = true
		} else {
			finished = append(finished, t)
		}
	}
	c.mu.Lock()
	c.excuse(done)
	c.settled(e, done)
	c.unsynced, c.committedAt = append(c.unsynced, waiting...), done
	c.needSync = c.needSync || needSync || info.Ingested // ingested: durable already, to be told
	if c.visibleAt.IsZero() {
		c.visibleAt = done
	}
	stats := EpochStats{
		Epoch: e.n, Commit: req.Epoch, Injected: e.injected, Align: e.aligned.Sub(e.injected), Queue: taken.Sub(e.aligned),
		Sort: info.Sort, Write: info.Write, Rows: info.Rows, Bytes: info.Bytes, Ingested: info.Ingested,
		Tasks: e.tasks, Requests: len(e.tickets), Last: e.last,
	}
	stats.Stall = info.Stall
	c.note(&stats)
	c.stats.add(stats)
	c.mu.Unlock()
	if c.opts.OnEpoch != nil {
		c.opts.OnEpoch(stats)
	}
	for _, t := range finished {
		if t.req.After != nil {
			t.req.After(e.n)
		}
		t.finish(e.n, nil)
	}
	wake(c.wakeSync)
	wake(c.wakeInject)
}

// settled takes an epoch that is now committed off its islands, and forgets the
// jobs whose last it was.
func (c *Coordinator) settled(e *epoch, now time.Time) {
	c.flight = slices.DeleteFunc(c.flight, func(x *epoch) bool { return x == e })
	c.sealed.Add(-e.sealed)
	for _, is := range e.islands {
		is.flight = is.flight[1:]
		if len(is.flight) == 0 {
			is.heldSince.Store(0)
		} else {
			is.flight[0].wait(now)
		}
		is.lastTook = now.Sub(e.injected) - e.excused
	}
	for m := range e.members {
		if m.until != e.n {
			continue
		}
		c.jobs[m.id] = slices.DeleteFunc(c.jobs[m.id], func(x *Member) bool { return x == m })
		if len(c.jobs[m.id]) == 0 {
			delete(c.jobs, m.id)
		}
		c.leave(m)
	}
	for _, is := range e.islands {
		c.sink(is)
	}
}

// tryCommit commits, again and again while the disk is the trouble.
func (c *Coordinator) tryCommit(req storage.CommitReq) (info storage.CommitInfo, err error) {
	pause := 100 * time.Millisecond
	for try := 1; ; try++ {
		info, err = c.store.Commit(req)
		if err == nil || try == commitTries || c.store.Visible() >= req.Epoch {
			return info, err
		}
		if code := sqlerr.Code(err); code != sqlerr.DiskFull && code != sqlerr.IOError {
			return info, err
		}
		c.log.Error("commit failed, trying again", "epoch", req.Epoch, "try", try, "err", err)
		select {
		case <-time.After(pause):
		case <-c.stop:
			return info, err
		}
		pause = min(2*pause, 2*time.Second)
	}
}

// giveUp ends all epochs: what is committed stays readable, nothing new gets in.
func (c *Coordinator) giveUp(err error, of *epoch, tickets []*Ticket) {
	c.log.Error("commit failed, no more changes are accepted", "err", err)
	c.mu.Lock()
	c.failure = err
	for _, e := range c.flight {
		for _, deltas := range e.deltas {
			for _, d := range deltas {
				d.Discard()
			}
		}
	}
	for _, e := range c.flight {
		if e != of {
			tickets = append(tickets, e.tickets...)
		}
		e.tickets = nil
	}
	tickets = append(tickets, c.queue...)
	c.queue = nil
	var ids []stream.JobID
	for id := range c.jobs {
		ids = append(ids, id)
	}
	c.mu.Unlock()
	for _, t := range tickets {
		t.finish(0, err)
	}
	for _, id := range ids {
		c.FailJob(id, err)
	}
}

// syncLoop is the syncer: it makes committed epochs durable.
func (c *Coordinator) syncLoop() {
	defer c.wg.Done()
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	for {
		c.mu.Lock()
		due, wait := c.needSync, time.Duration(0)
		if !due && !c.visibleAt.IsZero() {
			wait = time.Until(c.visibleAt.Add(c.opts.CheckpointInterval))
			due = wait <= 0
		}
		c.mu.Unlock()
		if due {
			c.sync()
			continue
		}
		if wait > 0 {
			timer.Reset(wait)
		}
		select {
		case <-c.wakeSync:
		case <-timer.C:
		case <-c.commitDone:
			c.sync()
			return
		}
		timer.Stop()
	}
}

// sync makes durable what is visible and finishes the requests that waited.
func (c *Coordinator) sync() {
	c.mu.Lock()
	tickets := c.unsynced
	c.unsynced, c.needSync, c.visibleAt = nil, false, time.Time{}
	c.syncing, c.syncBegun = len(tickets), time.Now()
	reached := map[*Member]stream.Epoch{}
	for _, incarnations := range c.jobs {
		for _, m := range incarnations {
			reached[m] = m.Committed()
		}
	}
	c.mu.Unlock()
	err := c.store.Sync()
	if err != nil {
		c.log.Error("sync failed", "err", err)
	}
	durable := c.store.Durable()
	if err == nil {
		for m, n := range reached {
			m.durable.Store(uint64(n))
		}
	}
	c.mu.Lock()
	c.stats.synced(durable, time.Since(c.syncBegun))
	c.syncing = 0
	c.mu.Unlock()
	wake(c.wakeInject)
	for _, t := range tickets {
		if err == nil && t.req.After != nil {
			t.req.After(t.epoch)
		}
		t.finish(t.epoch, err)
	}
	if c.opts.OnDurable != nil && err == nil {
		c.opts.OnDurable(durable)
	}
}
