// Package stream is what flows on an edge of the dataflow: batches of changes,
// watermarks and barriers. It is a leaf: it knows columns (vec), nothing of
// operators, state or SQL.
package stream
