// Package exprtest reads small SQL expressions into bound expr.Exprs, for tests of
// functions, casts and aggregates that would otherwise have to build trees by
// hand. It knows literals, casts, operators with Postgres's precedence, calls,
// CASE, ARRAY, IN and the IS tests, and columns named c0, c1 .. of given types; it
// is not the server's parser (sql/parse).
package exprtest
