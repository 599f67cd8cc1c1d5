package checkpoint

import "streamdb/storage"

// Attach adds entries of the meta keyspace to the very next commit, whatever
// epoch that is. It is for what must not be missing from the first epoch that a
// job takes no part in any more: called from OnJobFailed, or before a job is
// removed, it is in the store with, or before, the first commit without the job.
func (c *Coordinator) Attach(entries []storage.KV) {
	c.mu.Lock()
	c.attached = append(c.attached, entries...)
	c.mu.Unlock()
}

// takeAttached takes the entries for the commit that is being made.
func (c *Coordinator) takeAttached() []storage.KV {
	c.mu.Lock()
	defer c.mu.Unlock()
	entries := c.attached
	c.attached = nil
	return entries
}
