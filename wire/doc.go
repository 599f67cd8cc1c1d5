// Package wire speaks the Postgres protocol, version 3: listener, startup,
// cancel, simple and extended query, text and binary values, errors. It knows
// nothing of SQL: a Session (the engine's) parses, prepares and executes. It is
// the only package that imports pgproto3, which writes the rare messages; rows
// and the messages whose size a client chooses have their own code here.
//
// Goroutines: one serves a connection from startup to close, and Server waits
// for all of them. A statement that runs longer than watchDelay has a second
// one beside it, which looks whether the client is still there; it ends before
// the next message is read.
//
// Backpressure: rows go into one buffer, which is written when it is full, at
// Flush and before ReadyForQuery. A client that does not read blocks its own
// connection's goroutine in that write, and nothing else; there is no write
// deadline, as in Postgres. TCP keepalive finds dead peers.
//
// Source: https://www.postgresql.org/docs/15/protocol.html.
package wire
