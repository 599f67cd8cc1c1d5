// Package lower turns a logical plan into operators: columns get positions,
// stateful operators get state tables, and in a job streams get keys,
// distributions and exchanges.
//
// There is one lowering for both forms of a query. A SELECT becomes one tree of
// Specs for executor.RunBounded; a job becomes fragments. What differs is asked
// of lowerer.job: a job carries the stream key of every row along (as hidden
// columns, where the query does not ask for them), a SELECT does not.
package lower
