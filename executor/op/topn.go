package op

import (
	"fmt"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/types"
)

// TopN keeps, per group of the Group columns (empty: one group, a singleton),
// the rows at ranks Offset+1 .. Offset+Limit by Keys (ties broken by RowKey).
// WithTies also keeps rows equal to the last one. Dense, which is with ties, counts
// values of Keys rather than rows: ranks are those of DENSE_RANK(). Maintained
// incrementally:
//
//	group | sort key | row key -> row
type TopN struct {
	In            executor.Spec
	Group         []int
	Keys          []SortKey
	RowKey        []int // the input's stream key
	Limit, Offset int64
	WithTies      bool
	Dense         bool `json:",omitempty"`
	AppendOnly    bool
	Rows          TableRef
	// Dist lists the input columns, a subset of Group, that the exchange below
	// distributes by: the vnode of a group's state. nil: all of Group.
	Dist []int
	// Out is the columns of In and one more, which is the ROW_NUMBER() of a row in its
	// group; nil: rows come out as they are. Only where numbers can be had (Numbers).
	Out types.Schema `json:",omitempty"`
	// Closed is where it is kept up to where groups were closed (see closedMark); zero
	// ID: they never are. Else the input has watermarks on the column at position
	// WindowKey of Group: groups at or below are dropped from state.
	Closed    TableRef
	WindowKey int
}

// window is the input column whose watermarks close groups; -1: none.
func (s *TopN) window() int {
	if s.Closed.ID == 0 {
		return -1
	}
	return s.Group[s.WindowKey]
}

// Kind implements executor.Spec.
func (s *TopN) Kind() string { return "TopN" }

// Inputs implements executor.Spec.
func (s *TopN) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *TopN) Schema() types.Schema {
	if s.Out != nil {
		return s.Out
	}
	return s.In.Schema()
}

// State implements executor.Spec.
func (s *TopN) State() []storage.TableDef { return tables(s.Rows, s.Closed) }

// Explain implements executor.Spec.
func (s *TopN) Explain() string {
	in := s.In.Schema()
	text := fmt.Sprintf("order: %s, limit: %d", sortList(in, s.Keys), s.Limit)
	if s.Offset > 0 {
		text += fmt.Sprintf(", offset: %d", s.Offset)
	}
	if len(s.Group) > 0 {
		text += ", group: " + colList(in, s.Group)
	}
	switch {
	case s.Dense:
		text += ", by dense rank"
	case s.WithTies:
		text += ", with ties"
	}
	if s.Out != nil {
		text += ", numbered"
	}
	if s.AppendOnly {
		text += ", append only"
	}
	if w := s.window(); w >= 0 {
		text += ", state cleaned by watermark of " + colName(in, w)
	}
	return text
}
