// Package vec is the column inside an operator: plain typed slices over Arrow
// memory, which loops can run over without a call per value.
//
// A Vec views an Arrow array without a copy (boolean excepted, which is a
// bitmap in Arrow and a []bool here), a Builder fills typed slices and wraps
// them without a copy. Nothing here allocates from an Arrow allocator or counts
// references: columns are ordinary garbage-collected slices
// (docs/adr/0003-batches-are-garbage-collected.md). Received columns are never
// written to. It is not a compute library: loops belong to their users.
package vec
