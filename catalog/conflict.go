package catalog

// Conflict is ON CONFLICT of a table: what an inserted row does whose key the
// table has already. A table without it refuses the row.
type Conflict struct {
	Do ConflictAction `json:"do"`
	// Version is the 1-based position in Cols of WITH VERSION COLUMN, 0: none. A row
	// takes the place of another only if its version is not less, NULL being the least.
	Version int `json:"version,omitempty"`
}

// ConflictAction is what becomes of the two rows.
type ConflictAction string

// The actions. ConflictFill takes the new row's value of a column where it is
// not NULL, and the old row's where it is.
const (
	ConflictOverwrite ConflictAction = "overwrite"
	ConflictIgnore    ConflictAction = "ignore"
	ConflictFill      ConflictAction = "update if not null"
)
