package checkpoint

import "streamdb/stream"

// WaitDurable asks for a sync of what is visible, without a barrier: the ticket is
// done when epoch n, which must be visible, is durable.
func (c *Coordinator) WaitDurable(n stream.Epoch) *Ticket {
	t := &Ticket{epoch: n, done: make(chan struct{})}
	c.mu.Lock()
	if c.store.Durable() >= n || c.closed {
		err := error(nil)
		if c.store.Durable() < n {
			err = errClosed
		}
		c.mu.Unlock()
		t.finish(n, err)
		return t
	}
	c.unsynced = append(c.unsynced, t)
	c.needSync = true
	c.mu.Unlock()
	wake(c.wakeSync)
	return t
}
