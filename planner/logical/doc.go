// Package logical is the relational form of a query between the binder and the
// executor: pure data, no behaviour beyond copying, printing and asking for
// columns.
//
// Columns are not positions but identities (ColID), given out once per column
// of a statement: an expression names a column by expr.Col{Index: its ColID},
// wherever in the tree it stands. A node that passes a column on keeps its
// identity; a column that no input of a node provides is a reference to an
// outer query. Positions come into being in planner/lower, at the very end.
package logical
