// Package executor runs dataflows: operators in tasks, tasks joined by edges.
//
// Task is the only code that aligns barriers, seals state, forwards barriers
// and acks (docs/adr/0004-barrier-logic-only-in-task.md). An operator never
// sees a channel, never forwards a barrier and never commits. One goroutine
// runs one task; the Graph that started it waits for it.
package executor
