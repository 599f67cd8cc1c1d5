package checkpoint

import (
	"context"

	"streamdb/storage"
	"streamdb/stream"
)

// Request asks for something to happen with the next barrier. All members are
// optional: an empty Request waits for an epoch that includes all that was done
// before Submit. Requests that wait at the same moment share one barrier, and
// succeed or fail each alone.
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
}

// Ticket is a submitted Request.
type Ticket struct {
	req   Request
	done  chan struct{} // closed when epoch and err are final
	epoch stream.Epoch
	err   error
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
}
