package bind

import (
	"fmt"

	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// boundFrame is a frame whose distances are not columns yet.
type boundFrame struct {
	logical.Frame
	// key is the type that the ORDER BY column is compared as for a distance.
	keyType types.T
}

var frameModes = map[ast.FrameMode]logical.FrameMode{ast.FrameRows: logical.RowsFrame, ast.FrameRange: logical.RangeFrame, ast.FrameGroups: logical.GroupsFrame}

var frameBounds = map[ast.BoundKind]logical.BoundKind{
	ast.UnboundedPreceding: logical.UnboundedPreceding, ast.Preceding: logical.Preceding, ast.CurrentRow: logical.CurrentRow,
	ast.Following: logical.Following, ast.UnboundedFollowing: logical.UnboundedFollowing,
}

var frameExcludes = map[ast.FrameExclude]logical.FrameExclude{
	ast.ExcludeDefault: logical.ExcludeNoOthers, ast.ExcludeNoOthers: logical.ExcludeNoOthers,
	ast.ExcludeCurrentRow: logical.ExcludeCurrentRow, ast.ExcludeGroup: logical.ExcludeGroup, ast.ExcludeTies: logical.ExcludeTies,
}

// frame binds the frame of a window: without one from the start of the
// partition to the current row and its peers.
func (c *exprCtx) frame(s *ast.WindowSpec, spec windowSpec) (boundFrame, error) {
	b := c.b
	f := boundFrame{Frame: logical.Frame{Mode: logical.RangeFrame, End: logical.FrameBound{Kind: logical.CurrentRow}}}
	in := s.Frame
	if in == nil {
		return f, nil
	}
	if in.Mode == ast.FrameSession {
		return f, b.unsupported(in, "a SESSION frame")
	}
	end := in.End
	if end == nil {
		end = &ast.FrameBound{Pos: in.Pos, Kind: ast.CurrentRow}
	}
	if err := b.checkFrame(in, end); err != nil {
		return f, err
	}
	f.Mode, f.Exclude = frameModes[in.Mode], frameExcludes[in.Exclude]
	f.Start.Kind, f.End.Kind = frameBounds[in.Start.Kind], frameBounds[end.Kind]
	if f.Mode == logical.GroupsFrame && len(spec.order) == 0 {
		return f, b.errAt(in, sqlerr.WindowingError, "GROUPS mode requires an ORDER BY clause")
	}
	for i, bound := range []*ast.FrameBound{in.Start, end} {
		if bound.Value == nil {
			continue
		}
		if f.Mode == logical.RangeFrame && len(spec.order) != 1 {
			return f, b.errAt(in, sqlerr.WindowingError, "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column")
		}
		x, err := c.frameOffset(bound, in.Mode)
		if err != nil {
			return f, err
		}
		if f.Mode == logical.RangeFrame {
			if x, err = f.distance(b, bound, spec.order[0].e, x); err != nil {
				return f, err
			}
		}
		*[]*expr.Expr{&f.Start.Offset, &f.End.Offset}[i] = x
	}
	return f, nil
}

// checkFrame refuses frames whose end is before their start.
func (b *Binder) checkFrame(f *ast.Frame, end *ast.FrameBound) error {
	text := ""
	switch start := f.Start; {
	case start.Kind == ast.UnboundedFollowing:
		text = "frame start cannot be UNBOUNDED FOLLOWING"
	case end.Kind == ast.UnboundedPreceding:
		text = "frame end cannot be UNBOUNDED PRECEDING"
	case start.Kind == ast.Following && f.End == nil:
		text = "frame starting from following row cannot end with current row"
	case start.Kind == ast.CurrentRow && end.Kind == ast.Preceding:
		text = "frame starting from current row cannot have preceding rows"
	case start.Kind == ast.Following && (end.Kind == ast.Preceding || end.Kind == ast.CurrentRow):
		text = "frame starting from following row cannot have preceding rows"
	default:
		return nil
	}
	return b.errAt(f, sqlerr.WindowingError, "%s", text)
}

// frameOffset binds the offset of a bound, an expression without columns.
func (c *exprCtx) frameOffset(bound *ast.FrameBound, mode ast.FrameMode) (expr.Expr, error) {
	b := c.b
	clause := map[ast.FrameMode]string{ast.FrameRows: "ROWS", ast.FrameRange: "RANGE", ast.FrameGroups: "GROUPS"}[mode]
	in := *c
	in.clause, in.noSubs, in.aggs = "window "+clause, true, nil
	x, err := in.bind(bound.Value)
	if err != nil {
		return nil, err
	}
	if !logical.Cols(x).Empty() {
		return nil, b.errAt(bound, sqlerr.InvalidColumnReference, "argument of %s must not contain variables", clause)
	}
	if mode == ast.FrameRange {
		return x, nil
	}
	if !casts.CanCoerce(x.Type(), types.Of(types.Int8), casts.Assignment) || x.Type().IsString() && !isUnknown(x.Type()) {
		return nil, b.errAt(bound, sqlerr.DatatypeMismatch, "argument of %s must be type bigint, not type %s", clause, bare(x.Type()))
	}
	return b.coerce(x, types.Of(types.Int8), casts.Assignment, bound)
}

// distance types the offset of a RANGE frame and says what the ORDER BY column
// is compared as: what subtracting the offset from it gives.
func (f *boundFrame) distance(b *Binder, bound *ast.FrameBound, key, off expr.Expr) (expr.Expr, error) {
	kt, ot := key.Type(), off.Type()
	as, want := kt.ID, types.Unknown
	switch kt.ID {
	case types.Int2, types.Int4, types.Int8:
		as, want = types.Numeric, types.Int8
		if x, ok := off.(*expr.Const); ok && kt.ID != types.Int8 && ot.IsInteger() && x.Value.I < 1<<40 {
			as = types.Int8
		}
		if !ot.IsInteger() && !isUnknown(ot) {
			want = types.Unknown
		}
	case types.Numeric:
		if isUnknown(ot) || ot.IsInteger() || ot.ID == types.Numeric {
			want = types.Numeric
		}
	case types.Float4, types.Float8:
		as = types.Float8
		if isUnknown(ot) || ot.IsInteger() || ot.ID == types.Numeric || ot.ID == types.Float4 || ot.ID == types.Float8 {
			want = types.Float8
		}
	case types.Timestamp, types.TimestampTZ, types.Date, types.Time, types.Interval:
		if kt.ID == types.Date {
			as = types.Timestamp
		}
		if kt.ID == types.Time { // time itself goes round the clock
			as = types.Interval
		}
		if isUnknown(ot) || ot.ID == types.Interval {
			want = types.Interval
		}
	default:
		return nil, b.errAt(bound, sqlerr.FeatureNotSupported, "RANGE with offset PRECEDING/FOLLOWING is not supported for column type %s", bare(kt))
	}
	if want == types.Unknown {
		return nil, b.errAt(bound, sqlerr.FeatureNotSupported, "RANGE with offset PRECEDING/FOLLOWING is not supported for column type %s and offset type %s", bare(kt), bare(ot)).
			WithHint("Cast the offset value to an appropriate type.")
	}
	// The bounds are compared as one type: the wider of both.
	if f.keyType.ID != types.Numeric || as != types.Int8 {
		f.keyType = types.Of(as)
	}
	return b.coerce(off, types.Of(want), casts.Explicit, bound)
}

// key is equal for equal frames.
func (f *boundFrame) key() string {
	k := fmt.Sprint(f.Mode, f.Start.Kind, f.End.Kind, f.Exclude)
	for _, o := range []expr.Expr{f.Start.Offset, f.End.Offset} {
		if o != nil {
			k += "," + logical.Key(o) + ":" + o.Type().String()
		}
	}
	return k
}

// columns computes the column that a RANGE frame compares, and for each bound
// with a distance the value that it goes to.
func (f *boundFrame) columns(b *Binder, k windowKey, at ast.Node) (key, start, end expr.Expr, err error) {
	if f.Mode != logical.RangeFrame || f.Start.Offset == nil && f.End.Offset == nil {
		return nil, nil, nil, nil
	}
	key = k.e
	// Integers are kept in the same form whatever their width.
	if !(key.Type().ID == f.keyType.ID || key.Type().IsInteger() && f.keyType.ID == types.Int8 || key.Type().ID == types.Float4 && f.keyType.ID == types.Float8) {
		if key, err = b.coerce(key, f.keyType, casts.Explicit, at); err != nil {
			return nil, nil, nil, err
		}
	}
	to := func(bound logical.FrameBound) (expr.Expr, error) {
		if bound.Offset == nil {
			return nil, nil
		}
		x, err := b.coerce(key, f.keyType, casts.Explicit, at)
		if err != nil {
			return nil, err
		}
		off := bound.Offset
		if f.keyType.ID == types.Numeric {
			if off, err = b.coerce(off, f.keyType, casts.Explicit, at); err != nil {
				return nil, err
			}
		}
		op := "+"
		if (bound.Kind == logical.Preceding) != k.by.Desc {
			op = "-"
		}
		return b.applyOp(at, op, x, off)
	}
	if start, err = to(f.Start); err != nil {
		return nil, nil, nil, err
	}
	end, err = to(f.End)
	return key, start, end, err
}
