// Package blackhole is a sink that counts rows and forgets them: for
// benchmarks, and to run a query for its side effects on memory and state.
package blackhole
