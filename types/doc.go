// Package types knows the SQL types: name, OID, layout in a column, text and
// binary form, comparison and order-preserving key.
//
// Every type lives in a column under one of four layouts (see Layout), so that
// operators, row codec and hash tables have four cases, not twenty. One file
// per type holds what is particular to it. The package holds no expressions:
// arithmetic that SQL functions need on a type's values (numeric, interval) is
// here, the functions that call it are in expr/funcs.
package types
