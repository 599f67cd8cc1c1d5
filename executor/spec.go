package executor

import (
	"streamdb/storage"
	"streamdb/types"
)

// Spec is the immutable plan node of an operator: what the planner builds, what
// EXPLAIN prints, what is pinned in the catalog. A tree of Specs is a fragment;
// its leaves are sources, scans or Exchange inputs. Specs encode to JSON with
// their exported fields; the codec is in executor/op (one line per operator).
type Spec interface {
	// Kind is the stable name in pinned plans and EXPLAIN: "HashAgg".
	Kind() string
	// Inputs are the specs that feed this one, in input order.
	Inputs() []Spec
	// Schema describes the output columns.
	Schema() types.Schema
	// State lists the state tables the operator owns.
	State() []storage.TableDef
	// Explain is one line without the kind: keys, conditions, expressions.
	Explain() string
	// Open makes the operator that runs this node.
	Open(ctx *OpenCtx) (Operator, error)
}
