// Package wire speaks the Postgres protocol, version 3: listener, startup,
// cancel, simple and extended query, text and binary values, errors. It knows
// nothing of SQL: a Session (the engine's) parses, prepares and executes. One
// goroutine serves a connection from startup to close; Server waits for all of
// them. It is the only package that imports pgproto3.
package wire
