package catalog

import "slices"

// Ref is a relation that the text of a view, materialized view or sink names.
// The text itself never changes: it is read again with what the names meant when
// it was written, so that relations may be renamed, moved, swapped and given
// more columns under their dependents.
type Ref struct {
	Name string   `json:"name"`           // as the text has it, quoted where needed: "t", "s.t"
	ID   ID       `json:"id"`             // what it meant
	Cols []string `json:"cols"`           // the names of its Cols, by position
	Used []int    `json:"used,omitempty"` // the positions in Cols that the text uses, ascending
}

// Ref finds the relation that the object's text calls name; nil if unknown.
func (o *Object) Ref(name string) *Ref {
	for i := range o.Refs {
		if o.Refs[i].Name == name {
			return &o.Refs[i]
		}
	}
	return nil
}

// Uses reports whether the object's text uses a column of a relation, by its
// position there. Of an object without Refs it is not known.
func (o *Object) Uses(id ID, col int) bool {
	for i := range o.Refs {
		if o.Refs[i].ID == id && slices.Contains(o.Refs[i].Used, col) {
			return true
		}
	}
	return false
}
