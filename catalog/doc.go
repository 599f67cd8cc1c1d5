// Package catalog is the objects of a database: schemas, tables, sources,
// views, materialized views, sinks. A Catalog is an immutable snapshot; a
// change makes the next one, sharing what stayed. The engine publishes a
// snapshot together with the epoch whose commit contains it, so that a reader
// sees names and rows of the same moment.
//
// Objects persist as JSON, one meta key each. Expressions inside them (defaults,
// view queries) are kept as SQL text; physical plans are kept pinned, in the
// form of executor/op's codec, and are opaque here.
package catalog
