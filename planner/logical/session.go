package logical

// Session assigns rows to sessions; see op.Session. Gap is in microseconds.
type Session struct {
	In         Node
	Time       ColID
	Partition  []ColID
	Gap        int64
	Start, End ColID
}

// Inputs is the input.
func (n *Session) Inputs() []Node { return []Node{n.In} }

// Out is the input's columns and the window's.
func (n *Session) Out() []ColID { return append(append([]ColID(nil), n.In.Out()...), n.Start, n.End) }

func (n *Session) with(in []Node) Node { c := *n; c.In = in[0]; return &c }
