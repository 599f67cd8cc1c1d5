// Package aggs knows the aggregate functions: their overloads (Def, Resolve) and
// their states. A State holds one aggregate call's accumulators for all groups
// of an operator, as columns indexed by dense group id, without pointers per
// group on the usual paths.
//
// Which groups exist, when results are emitted and where states are stored is the
// operator's business (executor/op). So are multisets: where a result cannot be
// computed from a bounded accumulator (string_agg, DISTINCT, min under
// retraction), the operator keeps the group's rows in order and calls Def.Final.
//
// States are exact: after any sequence of inserts and deletes a result depends
// only on the rows that remain. Integer and numeric sums are integers of 128
// bits or more; float sums are kept in fixed point wide enough to hold every
// addend exactly and rounded once, in Result. A sum of floats may therefore
// differ from Postgres's, which rounds at every step, in the last digits.
package aggs
