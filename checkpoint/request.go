package checkpoint

import (
	"context"
	"slices"
	"sync"

	"streamdb/storage"
	"streamdb/stream"
)

// Request asks for something to happen with the next barrier of the islands that
// it concerns: those of Jobs and With, all at once. One that names no job concerns
// all islands at once, unless it is Alone. All members are optional: an empty Request
// waits until all that was done before Submit is included in an epoch of its
// island, each by itself. Requests that wait at the same moment may share one
// barrier, and succeed or fail each alone.
//
// The functions run on goroutines of the coordinator, one at a time each; they
// must not block for long, and must not wait for a Ticket.
type Request struct {
	// Before runs just before barrier N is injected: rows that enter the graph
	// here tagged with N belong to epoch N. An error takes this request out of the
	// barrier and becomes the error of its ticket; the barrier goes on without it.
	Before func(n stream.Epoch) error
	// Change returns what barrier N changes in the topology; the changes of
	// requests that share the barrier are joined. It runs after all Before and
	// before the injection. AddJob called in here takes effect from N+1.
	Change func(n stream.Epoch) *stream.Change
	// Meta returns entries of the meta keyspace (catalog changes) for the commit of
	// N. It runs when N is complete, just before its commit, in order of Submit.
	Meta func(n stream.Epoch) []storage.KV
	// Commits runs after Meta, with the number of the commit that is about to be
	// made: snapshots of that number, or a later one, hold what the request did.
	Commits func(commit stream.Epoch)
	// Drop lists tables to remove in the commit of N.
	Drop []storage.TableID
	// Sync: the ticket waits until N is durable, not only visible.
	Sync bool
	// After runs once N is committed, and durable if Sync is set, before the
	// ticket's waiters wake.
	After func(n stream.Epoch)
	// Failed runs instead of After when the request fails, before the ticket's
	// waiters wake. Before and Change may or may not have run.
	Failed func(err error)
	// Jobs are those whose work in epoch N the request stands for. If one of them
	// fails before N is committed, its changes of N are not in the commit: then
	// Meta, Drop and After are left out and the ticket gets the job's error.
	Jobs []stream.JobID
	// With are other jobs on whose islands the request has a barrier.
	With []stream.JobID
	// Alone: a request that names no job concerns none, and waits for none.
	Alone bool
}

// plain: nothing is to be done, only to be waited for.
func (r *Request) plain() bool {
	return r.Before == nil && r.Change == nil && r.Meta == nil && r.Commits == nil && r.After == nil && r.Failed == nil &&
		len(r.Drop)+len(r.Jobs)+len(r.With) == 0 && !r.Alone
}

// Ticket is a submitted Request.
type Ticket struct {
	req   Request
	done  chan struct{} // closed when epoch and err are final
	epoch stream.Epoch
	err   error

	whole *Ticket // of which this is the part of one island; nil: it is all
	mu    sync.Mutex
	parts int // of this one that are not done yet
}

// partsOf is what is queued for a ticket: itself, or a part for each island.
func (c *Coordinator) partsOf(t *Ticket) []*Ticket {
	if !t.req.plain() {
		return []*Ticket{t}
	}
	if len(c.islands) == 0 {
		t.req.Alone = true
		return []*Ticket{t}
	}
	var parts []*Ticket
	for _, is := range c.islands {
		var ids []stream.JobID
		for _, m := range is.members {
			ids = append(ids, m.id)
		}
		parts = append(parts, &Ticket{req: Request{Sync: t.req.Sync, With: ids, Alone: true}, done: make(chan struct{}), whole: t})
	}
	t.parts = len(parts)
	return parts
}

// islandsOf lists the islands that a ticket concerns now.
func (c *Coordinator) islandsOf(t *Ticket) (of []*island) {
	r := &t.req
	if len(r.Jobs)+len(r.With) == 0 && !r.Alone {
		return slices.Clone(c.islands)
	}
	for _, ids := range [][]stream.JobID{r.Jobs, r.With} {
		for _, id := range ids {
			for _, m := range c.jobs[id] {
				if is := m.island.Load(); !slices.Contains(of, is) {
					of = append(of, is)
				}
			}
		}
	}
	return of
}

// Wait waits for the request to be done: the epoch that contains it, or its
// error. When ctx ends first the request goes on unattended.
func (t *Ticket) Wait(ctx context.Context) (stream.Epoch, error) {
	select {
	case <-t.done:
		return t.epoch, t.err
	default:
	}
	select {
	case <-t.done:
		return t.epoch, t.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// Done is closed when Wait would return at once.
func (t *Ticket) Done() <-chan struct{} { return t.done }

func (t *Ticket) finish(epoch stream.Epoch, err error) {
	t.epoch, t.err = epoch, err
	if err != nil && t.req.Failed != nil {
		t.req.Failed(err)
	}
	close(t.done)
	if t.whole != nil {
		t.whole.partDone(epoch, err)
	}
}

// partDone notes the end of a part; with the last one the whole is done: at the
// latest epoch of a part.
func (t *Ticket) partDone(epoch stream.Epoch, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.epoch = max(t.epoch, epoch)
	if t.err == nil {
		t.err = err
	}
	if t.parts--; t.parts == 0 {
		close(t.done)
	}
}
