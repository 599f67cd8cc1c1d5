package op

import (
	"strings"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/types"
)

// AggCall is one aggregate of a HashAgg.
type AggCall struct {
	Def      string    `json:"def"`            // aggs.Def key
	Args     []int     `json:"args,omitempty"` // input columns
	Distinct bool      `json:"distinct,omitempty"`
	Filter   int       `json:"filter"`            // boolean input column of FILTER; -1: none
	OrderBy  []SortKey `json:"orderBy,omitempty"` // ORDER BY inside the call, over input columns
	T        types.T   `json:"t"`
	Merge    bool      `json:"merge,omitempty"` // Args hold partial states of PartialAgg
	// ArgTypes is the types of the aggregate's own arguments, with Merge, where
	// they do not follow from Def (polymorphic aggregates, modifiers).
	ArgTypes []types.T `json:"argTypes,omitempty"`
	// Shares is 1 + the position of an earlier DISTINCT call over the same arguments,
	// which keeps the values for this one too, with a count for each different
	// Filter (of the same one only, in plans of version 1); 0: it keeps its own, as
	// all did in plans of before it.
	Shares int `json:"shares,omitempty"`
	// Parts is, in a HashAgg with Partials, the columns of the partial states, for
	// the rows that have them in place of Args.
	Parts []int `json:"parts,omitempty"`
}

// HashAgg groups by Keys and computes Aggs: output columns are the keys, then
// one per aggregate. It emits once per epoch per changed group: -old, +new.
// Without Keys there is exactly one group, which exists without any row too (a
// singleton, emitted in the first epoch). Without Aggs it is DISTINCT.
type HashAgg struct {
	In         executor.Spec
	Keys       []int
	Aggs       []AggCall
	AppendOnly bool // the input never retracts: cheaper states
	// WindowKey is the position in Keys of a column on which the input has
	// watermarks: groups at or below the watermark are dropped from state; -1: none.
	WindowKey int
	// EmitOnClose: a group is emitted once, when the watermark of WindowKey has
	// passed it, and nothing before.
	EmitOnClose bool
	Out         types.Schema
	Groups      TableRef   // group key -> row count, aggregate states
	Multisets   []TableRef // one per aggregate that needs ordered or distinct values, zero ID where not
	// Dist lists the input columns, a subset of Keys, that the exchange below
	// distributes by: the vnode of a group's state. nil: all Keys.
	Dist   []int
	Closed TableRef // with WindowKey: see closedMark; zero ID in plans of before it
	// Partials: the input is of a PartialAgg with a Mode, whose rows are partial
	// states or rows as they were.
	Partials bool `json:",omitempty"`
}

// PartialAgg is the first phase of a two-phase aggregation: it combines the rows
// of its own task within an epoch, without durable state, and emits per group
// the keys, each aggregate's partial state (columns as aggs.Def.Partial says, see
// AggCall.PartialColumns), and last the net number of rows (bigint), which a
// HashAgg with Merge takes from the last column of its input. Retractions are
// folded into the partial states.
//
// With a Mode it may also pass rows on as they are, where that is cheaper, and
// the columns Raw stand behind the keys: of a partial state they are NULL, of a
// row as it is the columns of states and the number of rows are. A HashAgg with
// Partials takes both.
type PartialAgg struct {
	In   executor.Spec
	Keys []int
	Aggs []AggCall
	Out  types.Schema
	Mode PartialMode `json:",omitempty"`
	Raw  []int       `json:",omitempty"` // with Mode: input columns, arguments and filters
	// Spread is how many rows each one becomes above, if more than one: the windows of a pane.
	Spread int `json:",omitempty"`
}

// PartialMode says when a PartialAgg combines rows.
type PartialMode string

// The modes. Without one all rows are combined, and the output has no Raw.
const (
	PartialAdaptive PartialMode = "adaptive" // as long as that makes fewer rows
	PartialAlways   PartialMode = "always"
)

// Kind implements executor.Spec.
func (s *HashAgg) Kind() string { return "HashAgg" }

// Inputs implements executor.Spec.
func (s *HashAgg) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *HashAgg) Schema() types.Schema { return s.Out }

// State implements executor.Spec.
func (s *HashAgg) State() []storage.TableDef {
	return tables(append([]TableRef{s.Groups, s.Closed}, s.Multisets...)...)
}

// Explain implements executor.Spec.
func (s *HashAgg) Explain() string {
	text := explainAgg(s.In.Schema(), s.Keys, s.Aggs)
	if s.Partials {
		text += ", of partial groups"
	}
	if s.AppendOnly {
		text += ", append only"
	}
	if s.WindowKey >= 0 {
		text += ", "
		if s.EmitOnClose {
			text += "emitted and "
		}
		text += "state cleaned by watermark of " + colName(s.In.Schema(), s.Keys[s.WindowKey])
	}
	return text
}

// Kind implements executor.Spec.
func (s *PartialAgg) Kind() string { return "PartialAgg" }

// Inputs implements executor.Spec.
func (s *PartialAgg) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *PartialAgg) Schema() types.Schema { return s.Out }

// State implements executor.Spec.
func (s *PartialAgg) State() []storage.TableDef { return nil }

// Explain implements executor.Spec.
func (s *PartialAgg) Explain() string {
	text := explainAgg(s.In.Schema(), s.Keys, s.Aggs)
	if s.Mode != "" {
		text += ", " + string(s.Mode)
	}
	return text
}

// explainAgg shows keys and calls: "keys: [a], aggs: [count(*), sum(b)]".
func explainAgg(in types.Schema, keys []int, aggs []AggCall) string {
	calls := make([]string, len(aggs))
	for i := range aggs {
		calls[i] = aggs[i].explain(in)
	}
	text := "aggs: [" + strings.Join(calls, ", ") + "]"
	if len(keys) > 0 {
		text = "keys: " + colList(in, keys) + ", " + text
	}
	return text
}

func (a *AggCall) explain(in types.Schema) string {
	name, _, _ := strings.Cut(a.Def, "(")
	args := "*"
	if len(a.Args) > 0 {
		list := colList(in, a.Args)
		args = list[1 : len(list)-1]
	}
	text := name + "("
	if a.Distinct {
		text += "DISTINCT "
	}
	text += args
	if len(a.OrderBy) > 0 {
		list := sortList(in, a.OrderBy)
		text += " ORDER BY " + list[1:len(list)-1]
	}
	text += ")"
	if a.Filter >= 0 {
		text += " FILTER (" + colName(in, a.Filter) + ")"
	}
	if a.Merge {
		text += " merged"
	}
	return text
}
