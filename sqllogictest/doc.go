// Package sqllogictest runs SQL logic tests over a real Postgres connection.
//
// A test file is a list of records: a statement with "ok", a row count or an
// error, or a query with the rows it must give. The dialect is that of
// sqllogictest-rs, and values look as its simple Postgres engine shows them:
// the text that the server sends, NULL for nulls and (empty) for empty
// strings. Lines are compared after runs of whitespace became one space.
//
// What it is not: it knows nothing of the server under test. It speaks the
// simple query protocol to whatever listens at Options.URL, so the same files
// run against streamdb and against Postgres.
//
// The pieces, in the order in which a file passes through them:
//
//	parse.go    text -> records (include.go opens included files)
//	subst.go    ${variables} in SQL
//	session.go  named connections, reconnects, statement timeouts
//	exec.go     runs one record, with retries
//	check.go    what was expected against what came
//	rewrite.go  puts what came into the file
//	run.go      files, isolation between them, parallel jobs
//	report.go   counts, failures, JSON, the summary table
//	reasons.go  failures against a list of those that are known, with reasons
//	rundir.go   each file as a subtest of a Go test
//
// Where it differs from sqllogictest-rs, on purpose:
//   - one failed record does not end a file;
//   - rowsort and valuesort sort the expected rows too, so their order in the
//     file does not matter;
//   - only an error that the server sent satisfies an expected error: a timeout
//     or a lost connection never does;
//   - "error (42P01) text" checks the SQLSTATE and the text, and "system error"
//     exists;
//   - the engine's name is not a label: "onlyif postgres" needs the label
//     postgres in Options.Labels.
//
// Limits: COPY FROM STDIN has nowhere to take its data from and ends in a
// timeout; of several statements in one record only the first one's rows count;
// the type string and the label of a query are not checked.
//
// Goroutines: Run starts Options.Jobs workers and waits for all of them. A
// connection is used by the one worker that runs its file.
package sqllogictest
