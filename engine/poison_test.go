package engine

import "streamdb/executor/op"

// In all tests of this package, memory that sources get back is made unreadable.
func init() { op.PoisonLent() }
