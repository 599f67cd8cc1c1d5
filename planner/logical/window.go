package logical

// Window computes ROW_NUMBER() or RANK() over partitions. It is executed only as
// a top-N: with a condition that bounds the number.
type Window struct {
	In        Node
	Partition []ColID
	Keys      []SortKey
	Ties      bool // RANK
	Col       ColID
}

// Inputs is the input.
func (n *Window) Inputs() []Node { return []Node{n.In} }

// Out is the input's columns and the number.
func (n *Window) Out() []ColID { return append(append([]ColID(nil), n.In.Out()...), n.Col) }

func (n *Window) with(in []Node) Node { c := *n; c.In = in[0]; return &c }
