package logical

import (
	"streamdb/catalog"
	"streamdb/expr"
)

// Watermark declares that Col never falls to or below Expr's maximum again; see
// op.WatermarkFilter. It stands over a source.
type Watermark struct {
	In  Node
	Col ColID
	E   expr.Expr
	Of  *catalog.Object // the source
}

// Inputs is the source.
func (n *Watermark) Inputs() []Node { return []Node{n.In} }

// Out is the source's columns.
func (n *Watermark) Out() []ColID { return n.In.Out() }

func (n *Watermark) with(in []Node) Node { c := *n; c.In = in[0]; return &c }
