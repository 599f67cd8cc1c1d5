package op

import (
	"errors"
	"regexp"
	"slices"
	"strconv"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// TableScan reads a stored relation from a snapshot; bounded runs only.
// Point, when set, gives an expression without columns for each of the table's
// key columns of a prefix that includes all Dist columns: only that key (range) is read.
// Where, without Point, is a condition over Cols: rows for which it is TRUE are given,
// without the last Extra of Cols, which only the condition needs.
type TableScan struct {
	Name  string
	Table RowTable
	Cols  []int // columns to read, by position in Table.Cols
	Point []expr.Expr
	Where expr.Expr
	Extra int
	Out   types.Schema
}

// Kind is "TableScan".
func (*TableScan) Kind() string { return "TableScan" }

// Inputs is empty.
func (*TableScan) Inputs() []executor.Spec { return nil }

// Schema is the columns read.
func (s *TableScan) Schema() types.Schema { return s.Out }

// State is empty: the rows belong to the relation's own job.
func (*TableScan) State() []storage.TableDef { return nil }

// Explain names the relation, the columns and the key looked up.
func (s *TableScan) Explain() string {
	text := s.Name + " " + colList(s.Table.Cols, s.Cols[:len(s.Cols)-s.Extra])
	for i, e := range s.Point {
		if i == 0 {
			text += " where "
		} else {
			text += " and "
		}
		text += colName(s.Table.Cols, s.Table.Key[i].Col) + " = " + e.String()
	}
	if s.Where != nil {
		text += " where: " + columnRefs.ReplaceAllStringFunc(s.Where.String(), func(ref string) string {
			i, _ := strconv.Atoi(ref[1:])
			return colName(s.Table.Cols, s.Cols[i])
		})
	}
	return text
}

// columnRefs are the columns in the text of an expression.
var columnRefs = regexp.MustCompile(`\$\d+`)

// Open makes a scan over the run's snapshot.
func (s *TableScan) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	if !ctx.Bounded {
		return nil, errors.New("op: TableScan runs bounded only")
	}
	x := &tableScan{
		spec:       s,
		scanOutput: scanOutput{name: s.Name, snapshot: ctx.Snapshot(), dec: s.Table.Decoder(s.Cols)},
	}
	if s.Where != nil {
		x.filter = newScanFilter(s.Where, s.Cols, len(s.Cols)-s.Extra)
	}
	return x, nil
}

type tableScan struct {
	scanOutput
	spec *TableScan
}

// scanFirstRows is the size of the first batch: a LIMIT often needs no more.
const scanFirstRows = 256

// Poll reads everything in one go: a bounded run has no barrier to wait for,
// and one iterator over the table is cheaper than one per slice.
func (s *tableScan) Poll(ctx *executor.Ctx, out executor.Emitter) (bool, error) {
	if s.done {
		return false, nil
	}
	s.done = true
	s.begin(&s.spec.Table, s.spec.Cols)
	if len(s.spec.Point) > 0 {
		if err := s.point(ctx, out); err != nil {
			return false, err
		}
		return false, s.flush(out)
	}
	if s.filter != nil {
		return false, s.filtered(ctx, out)
	}
	err := s.snapshot.ScanTable(s.spec.Table.Def.ID, func(_ storage.VNode, _, value []byte) (bool, error) {
		return true, s.add(ctx, value, out)
	})
	if err != nil {
		return false, err
	}
	return false, s.flush(out)
}

// filtered reads the rows that Where is TRUE for.
func (s *tableScan) filtered(ctx *executor.Ctx, out executor.Emitter) error {
	t := &s.spec.Table
	s.builders = s.builders[:s.filter.given]
	s.filter.plan(t, s.builders, false)
	err := s.snapshot.ScanTable(t.Def.ID, func(_ storage.VNode, _, value []byte) (bool, error) {
		return true, s.addUnder(ctx, t, value, out)
	})
	if err != nil {
		return err
	}
	if err := s.look(ctx, t, out); err != nil {
		return err
	}
	return s.flush(out)
}

func (s *tableScan) point(ctx *executor.Ctx, out executor.Emitter) error {
	t := &s.spec.Table
	vnode, key, some, err := s.spec.key(ctx.Expr)
	if err != nil || !some {
		return err
	}
	if len(s.spec.Point) == len(t.Key) {
		value, err := s.snapshot.Get(t.Def.ID, vnode, key)
		if err != nil || value == nil {
			return err
		}
		return s.add(ctx, value, out)
	}
	return s.snapshot.Scan(t.Def.ID, vnode, key, prefixEnd(key), func(_, value []byte) (bool, error) {
		return true, s.add(ctx, value, out)
	})
}

// key evaluates Point. some false: a value is NULL, and x = NULL holds for no row.
func (s *TableScan) key(ctx *expr.Ctx) (vnode storage.VNode, key []byte, some bool, err error) {
	values := make([]types.Datum, len(s.Point))
	for i, e := range s.Point {
		if values[i], err = expr.EvalRow(ctx, e); err != nil || values[i].Null {
			return 0, nil, false, err
		}
	}
	return s.Table.DatumVNode(values), s.Table.EncodeDatumKey(nil, values), true, nil
}

// batchOf wraps what builders hold as a batch of n rows; the builders need a Reset.
func batchOf(builders []*vec.Builder, n int, ops []stream.Op) *stream.Batch {
	cols := make([]vec.Vec, len(builders))
	for i, b := range builders {
		cols[i] = b.Vec()
	}
	return stream.NewBatch(n, cols, ops)
}

// changesOf is batchOf with the rows' ops.
func changesOf(builders []*vec.Builder, ops []stream.Op) *stream.Batch {
	n := len(ops)
	if !slices.Contains(ops, stream.Delete) {
		ops = nil
	}
	return batchOf(builders, n, ops)
}

// prefixEnd is the first key after all keys that begin with prefix, nil if there is none.
func prefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			end := append([]byte(nil), prefix[:i+1]...)
			end[i]++
			return end
		}
	}
	return nil
}
