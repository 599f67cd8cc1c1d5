// Command recovery measures how long a server is of no use after kill -9, by the
// size of its state: from the start of the new process until a client gets rows of a
// view, until a new row is acknowledged and in a view, and until a view over a source
// that went on meanwhile is as near to it as before. The source's rows are joined
// with the large state. In the end every row of the source must have been counted
// once.
//
//	go run ./bench/recovery [-state 32,128] [-rate 5000] [-kills 3] [-json FILE]
//
// cmd/streamdb's TestRecovery (make recovery) checks more, over more state.
package main
