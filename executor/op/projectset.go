package op

import (
	"strings"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/storage"
	"streamdb/types"
)

// SetCall is one set-returning function: generate_series, unnest,
// regexp_matches, jsonb_array_elements, string_to_table ...
type SetCall struct {
	Func string // name in the list in setfuncs.go
	Args []expr.Expr
	T    types.T // of the value it returns
}

// ProjectSet evaluates set-returning functions for each input row, in lock step
// (shorter ones give NULLs), and appends to the row's columns: the values, then,
// if Ordinality, a bigint row number from 1 (which makes the stream key).
type ProjectSet struct {
	In         executor.Spec
	Calls      []SetCall
	Ordinality bool
	Out        types.Schema
}

// Kind implements executor.Spec.
func (s *ProjectSet) Kind() string { return "ProjectSet" }

// Inputs implements executor.Spec.
func (s *ProjectSet) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *ProjectSet) Schema() types.Schema { return s.Out }

// State implements executor.Spec.
func (s *ProjectSet) State() []storage.TableDef { return nil }

// Explain implements executor.Spec.
func (s *ProjectSet) Explain() string {
	calls := make([]string, len(s.Calls))
	for i, c := range s.Calls {
		args := exprList(c.Args)
		calls[i] = c.Func + "(" + args[1:len(args)-1] + ")"
	}
	text := strings.Join(calls, ", ")
	if s.Ordinality {
		text += " with ordinality"
	}
	return text
}
