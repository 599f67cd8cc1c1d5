// Package expr is typed scalar expressions and their evaluation, a column at a
// time. Names and types are settled before (planner/bind): nothing here looks
// up a function by name while rows flow.
//
// Evaluation is by selection: Eval computes the rows that sel names (nil: all)
// into a column of the input's length, so that CASE, AND, OR and COALESCE
// evaluate a branch only where it is asked for, and an error (overflow,
// division by zero) is raised only for rows that need the value.
package expr
