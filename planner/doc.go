// Package planner turns statements into operators: bind -> optimize -> lower.
//
//	bind     names, types, casts: sql/ast + catalog -> logical plan
//	rule     rewrites of the logical plan
//	lower    logical plan -> executor.Spec tree (a SELECT) or fragments (a job)
//
// A SELECT becomes one tree of Specs over a snapshot; a table, view or sink
// becomes a job. INSERT, UPDATE and DELETE become SELECTs that give the rows to
// write; engine writes them.
package planner
