package logical

import "streamdb/expr"

// LookupMode says which right rows a left row of a LookupJoin meets.
type LookupMode uint8

// The modes.
const (
	// Temporal: those that match at the time of the left row. Later changes of the
	// right side change nothing (FOR SYSTEM_TIME AS OF PROCTIME()).
	Temporal LookupMode = iota
	// Nearest: of those that match, the one nearest to it by the one inequality
	// among the conditions (ASOF JOIN).
	Nearest
)

// LookupJoin is a join in which left rows look up right rows, which is not the
// same as pairing both sides. Kinds: Inner, Left. A plan has it in place of a Join,
// so that rules for joins do not touch it.
type LookupJoin struct {
	Mode LookupMode
	Kind JoinKind
	L, R Node
	On   []expr.Expr
}

// Inputs is the left, then the right side.
func (n *LookupJoin) Inputs() []Node { return []Node{n.L, n.R} }

// Out is the columns of both sides.
func (n *LookupJoin) Out() []ColID { return joinOut(n.Kind, n.L, n.R) }

func (n *LookupJoin) with(in []Node) Node { c := *n; c.L, c.R = in[0], in[1]; return &c }
