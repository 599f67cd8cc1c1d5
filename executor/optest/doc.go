// Package optest tests operators: it runs a small tree of them over a real
// store, feeds changes written as text or made at random, and compares the sum
// of what comes out with a naive function of the sum of what went in.
//
// The same tree is run under any split into batches, any order inside an epoch,
// restarts and crashes between any two barriers, and eviction of everything
// that can be evicted. It does not test alignment or exchanges: that is
// package executor's own business.
package optest
