package op

import (
	"streamdb/storage"
	"streamdb/types"
)

// TableRef is a state table of an operator as the planner numbers it.
type TableRef = storage.TableDef

// SortKey is one term of an ORDER BY.
type SortKey struct {
	Col        int  `json:"col"`
	Desc       bool `json:"desc,omitempty"`
	NullsFirst bool `json:"nullsFirst,omitempty"`
}

// RowTable describes the stored rows of a table or materialized view: what
// Materialize writes, and scans, backfills and look-ups read.
//
//	vnode(Dist columns) | order-preserving key of Key columns -> row of all Cols (storage.AppendRow)
type RowTable struct {
	Def  storage.TableDef `json:"def"`
	Cols types.Schema     `json:"cols"` // all columns, hidden ones included
	Key  []SortKey        `json:"key"`  // the stream key: unique
	Dist []int            `json:"dist"` // subset of Key; empty: a singleton, vnode 0
	// Missing are the values, as text, of columns that were added when there were
	// rows: what rows that end before them hold. Absent: NULL.
	Missing map[int]string `json:"missing,omitempty"`
}
