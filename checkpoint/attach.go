package checkpoint

import "streamdb/storage"

// Attach adds entries of the meta keyspace to the very next commit, whatever
// epoch that is. It is for what must not be missing from the first epoch that a
// job takes no part in any more: called from OnJobFailed, or before a job is
// removed, it is in the store with, or before, the first commit without the job.
func (c *Coordinator) Attach(entries []storage.KV) {
	c.AttachFunc(func() []storage.KV { return entries })
}

// AttachFunc is Attach for entries that are made when the commit is made: as
// things are then. What fn reads must only be changed by the functions of
// requests and of CommitMeta, or fn must not mind.
func (c *Coordinator) AttachFunc(fn func() []storage.KV) {
	c.mu.Lock()
	c.attached = append(c.attached, fn)
	c.mu.Unlock()
}

// takeAttached takes the entries for the commit that is being made; with metaMu held.
func (c *Coordinator) takeAttached() []storage.KV {
	c.mu.Lock()
	fns := c.attached
	c.attached = nil
	c.mu.Unlock()
	var entries []storage.KV
	for _, fn := range fns {
		entries = append(entries, fn()...)
	}
	return entries
}

// CommitMeta makes entries of the meta keyspace durable at once, between two
// epochs: it waits for the disk, but for no barrier, and so for no job. after
// runs when they are, before anything else of the meta keyspace is made; it must
// not block. What waits for the next commit (Attach) goes along.
func (c *Coordinator) CommitMeta(make func() ([]storage.KV, error), after func()) error {
	c.metaMu.Lock()
	defer c.metaMu.Unlock()
	c.mu.Lock()
	err := c.failure
	if c.closed {
		err = errClosed
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	entries, err := make()
	if err != nil {
		return err
	}
	attached := c.takeAttached()
	if err := c.store.CommitMeta(append(attached, entries...)); err != nil {
		if len(attached) > 0 {
			c.Attach(attached)
		}
		return err
	}
	after()
	return nil
}
