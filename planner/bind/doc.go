// Package bind gives meaning to a statement: it resolves names against the
// catalog, gives every expression a type, inserts casts, and turns queries into
// trees of package logical. What it finds wrong is the user's fault and carries
// Postgres's SQLSTATE, wording and position.
//
// Views and CTEs are bound anew at each use. Subqueries become Apply nodes;
// package rule takes them apart. The package owns no goroutine; a Binder serves
// one statement.
package bind
