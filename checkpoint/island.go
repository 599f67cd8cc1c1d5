package checkpoint

import (
	"slices"
	"sync/atomic"
	"time"

	"streamdb/stream"
)

// island is a connected component of jobs. It has barriers of its own: at most
// maxInFlight of its epochs are in flight, they are committed in their order, and
// a job that is slow holds up nobody on another island.
//
// An epoch may be one of several islands: its barrier enters all of them when each
// has room, and it is committed when all have acked it, behind what is before it
// on each. Numbers rise with the injection, so that the lowest in flight is first
// everywhere: no two such epochs wait for each other.
//
// Islands become one at a barrier that both have, when a job is added that reads
// both. One whose jobs are not connected any more comes apart when none of its
// epochs is in flight. So within an epoch every job is on one island, and an edge
// never leads from one to another.
type island struct {
	members    []*Member
	flight     []*epoch // in order
	last       stream.Epoch
	injectedAt time.Time
	lastTook   time.Duration // injection to commit of the last epoch
	times      *timeline
	loose      bool  // jobs have left: it may be several by now
	alarm      int64 // the first alarm of its jobs, while a barrier is being chosen
	// heldSince is when the current epoch began, in Unix nanoseconds, while another
	// one is in flight; 0: none is.
	heldSince atomic.Int64
}

// newIsland makes an island whose first epoch follows upon epoch last.
func (c *Coordinator) newIsland(last stream.Epoch) *island {
	is := &island{last: last, times: &timeline{}}
	c.islands = append(c.islands, is)
	return is
}

// roomy reports whether another epoch of the island may be in flight.
func (is *island) roomy() bool { return len(is.flight) < maxInFlight }

// slow reports whether the island's oldest epoch has been in flight for long.
func (is *island) slow(now time.Time) bool {
	return len(is.flight) > 0 && now.Sub(is.flight[0].injected) > longestEpoch
}

// idle reports whether no rows entered since the last barrier.
func (is *island) idle() bool {
	for _, m := range is.members {
		if m.active.Load() > uint64(is.last) {
			return false
		}
	}
	return true
}

func (is *island) dirty() (n int64) {
	for _, m := range is.members {
		n += m.dirty.Load()
	}
	return n
}

// add puts a job on the island.
func (is *island) add(m *Member) {
	is.members = append(is.members, m)
	m.island.Store(is)
}

// place finds the island of a job that begins now: that of its upstreams, which
// become one, or a new one.
func (c *Coordinator) place(m *Member, upstreams []stream.JobID) {
	var is *island
	for _, up := range upstreams {
		for _, other := range c.jobs[up] {
			if is == nil {
				is = other.island.Load()
			} else {
				c.merge(is, other.island.Load())
			}
		}
	}
	if is == nil {
		is = c.newIsland(m.from - 1)
	}
	is.add(m)
	if e := c.injecting; e != nil {
		e.members[m] = part{at: e.at}
		if !slices.Contains(e.islands, is) { // its first epoch waits for the commit that makes it
			e.islands = append(e.islands, is)
			is.flight = append(is.flight, e)
		}
	}
}

// merge makes b part of a: both have the barrier that is being injected, if one is.
func (c *Coordinator) merge(a, b *island) {
	if a == b {
		return
	}
	for _, m := range b.members {
		a.add(m)
	}
	for _, e := range b.flight {
		e.islands = slices.DeleteFunc(e.islands, func(is *island) bool { return is == a || is == b })
		e.islands = append(e.islands, a)
		if !slices.Contains(a.flight, e) {
			a.flight = append(a.flight, e)
		}
	}
	slices.SortFunc(a.flight, func(x, y *epoch) int { return int(x.n) - int(y.n) })
	a.last = max(a.last, b.last)
	a.lastTook = max(a.lastTook, b.lastTook)
	if b.injectedAt.After(a.injectedAt) {
		a.injectedAt = b.injectedAt
	}
	a.loose = a.loose || b.loose
	c.times.join(a.times, b.times, a.last)
	b.members, b.flight = nil, nil
	c.islands = slices.DeleteFunc(c.islands, func(is *island) bool { return is == b })
}

// leave takes a job off its island.
func (c *Coordinator) leave(m *Member) {
	is := m.island.Load()
	is.members = slices.DeleteFunc(is.members, func(x *Member) bool { return x == m })
	is.loose = true
	c.sink(is)
}

// sink forgets an island that nothing is left of.
func (c *Coordinator) sink(is *island) {
	if len(is.members) == 0 && len(is.flight) == 0 {
		c.islands = slices.DeleteFunc(c.islands, func(x *island) bool { return x == is })
	}
}

// split makes an island of each connected part of one that has no epoch in flight.
func (c *Coordinator) split(is *island) {
	is.loose = false
	left := is.members
	for first := true; len(left) > 0; first = false {
		part := connected(left)
		left = slices.DeleteFunc(slices.Clone(left), func(m *Member) bool { return part[m] })
		if first && len(left) == 0 {
			return
		}
		to := is
		if !first {
			to = c.newIsland(is.last)
			to.injectedAt, to.lastTook = is.injectedAt, is.lastTook
		}
		to.members = nil
		to.times = c.times.copy(is.times)
		for m := range part {
			to.add(m)
			c.times.move(m, to.times)
		}
	}
}

// connected is the first of the jobs and all that edges connect it with.
func connected(jobs []*Member) map[*Member]bool {
	byID := map[stream.JobID][]*Member{}
	next := map[*Member][]*Member{}
	for _, m := range jobs {
		byID[m.id] = append(byID[m.id], m)
	}
	for _, m := range jobs {
		for _, up := range m.upstreams {
			for _, other := range byID[up] {
				next[m] = append(next[m], other)
				next[other] = append(next[other], m)
			}
		}
	}
	part := map[*Member]bool{}
	for todo := []*Member{jobs[0]}; len(todo) > 0; {
		m := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if part[m] {
			continue
		}
		part[m] = true
		todo = append(todo, next[m]...)
	}
	return part
}
