package op

import (
	"fmt"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// Reshape puts the columns that a table has now into the plan of a job that
// reads it: the input from the table's job, and what reads its rows. Columns
// keep their positions, so that nothing else in the plan changes.
func Reshape(p *executor.Plan, upstream stream.JobID, table RowTable) {
	for i := range p.Fragments {
		executor.Walk(p.Fragments[i].Root, func(s executor.Spec) {
			switch s := s.(type) {
			case *executor.Input:
				if s.Upstream == upstream {
					s.Cols = table.Cols
				}
			case *Backfill:
				if s.Table.Def.ID == table.Def.ID {
					s.Table = table
				}
			}
		})
	}
}

// ReshapeSource is the same for the columns of a source.
func ReshapeSource(p *executor.Plan, upstream stream.JobID, conf SourceConf, cols types.Schema) {
	for i := range p.Fragments {
		executor.Walk(p.Fragments[i].Root, func(s executor.Spec) {
			b, ok := s.(*SourceBackfill)
			if !ok {
				return
			}
			if in, ok := b.In.(*executor.Input); ok && in.Upstream == upstream {
				in.Cols, b.Conf = cols, conf
			}
		})
	}
}

// EncodeKey appends the order-preserving key of row i: its Key columns, each
// under its direction. cols are all of Cols.
func (t *RowTable) EncodeKey(dst []byte, cols []vec.Vec, i int) []byte {
	for _, k := range t.Key {
		dst = appendKeyCol(dst, t.Cols[k.Col].Type, &cols[k.Col], i, k.Desc, k.NullsFirst)
	}
	return dst
}

// EncodeDatumKey appends the key (or, with fewer values than Key has columns,
// the prefix of keys) that the values of the leading Key columns make.
func (t *RowTable) EncodeDatumKey(dst []byte, values []types.Datum) []byte {
	for i, d := range values {
		k := t.Key[i]
		dst = types.AppendKey(dst, t.Cols[k.Col].Type, d, k.Desc, k.NullsFirst)
	}
	return dst
}

// VNodes computes the vnode of each of n rows; cols are all of Cols.
func (t *RowTable) VNodes(cols []vec.Vec, n int, dst []storage.VNode) []storage.VNode {
	return executor.VNodes(cols, t.Dist, schemaTypes(t.Cols), n, dst)
}

// DatumVNode is the vnode of the row whose leading Key columns hold values; they
// must cover Dist.
func (t *RowTable) DatumVNode(values []types.Datum) storage.VNode {
	if len(t.Dist) == 0 {
		return 0
	}
	cols := make([]vec.Vec, len(t.Dist))
	ts := make([]types.T, len(t.Dist))
	dist := make([]int, len(t.Dist))
	for i, c := range t.Dist {
		dist[i], ts[i] = i, t.Cols[c].Type
		for j, k := range t.Key {
			if k.Col == c {
				one := vec.ConstOf(ts[i].Layout(), values[j], 1)
				cols[i] = one.Dense()
			}
		}
	}
	return executor.VNodes(cols, dist, ts, 1, nil)[0]
}

// EncodeRow appends the stored form of row i; cols are all of Cols.
func (t *RowTable) EncodeRow(dst []byte, cols []vec.Vec, i int) []byte {
	return storage.AppendRow(dst, cols, i)
}

// Layouts is the layouts of Cols.
func (t *RowTable) Layouts() []types.Layout { return schemaLayouts(t.Cols) }

// KeyCols is the columns of Key.
func (t *RowTable) KeyCols() []int {
	cols := make([]int, len(t.Key))
	for i, k := range t.Key {
		cols[i] = k.Col
	}
	return cols
}

// Builders makes one builder per listed column (nil: all), with room for n rows.
func (t *RowTable) Builders(cols []int, n int) []*vec.Builder {
	if cols == nil {
		cols = allCols(len(t.Cols))
	}
	bs := make([]*vec.Builder, len(cols))
	for i, c := range cols {
		bs[i] = vec.NewBuilder(t.Cols[c].Type.Layout(), n)
	}
	return bs
}

// Decoder makes a decoder of stored rows that fills the listed columns (nil: all).
func (t *RowTable) Decoder(cols []int) *storage.RowDecoder {
	if cols == nil {
		cols = allCols(len(t.Cols))
	}
	return storage.NewRowDecoder(t.Layouts(), cols).WithMissing(t.missing())
}

// missing reads the values of Missing. That they can be read was checked when
// they were written.
func (t *RowTable) missing() map[int]types.Datum {
	if len(t.Missing) == 0 {
		return nil
	}
	out := make(map[int]types.Datum, len(t.Missing))
	for c, text := range t.Missing {
		d, err := types.ParseText(t.Cols[c].Type, text, nil)
		if err != nil {
			panic(fmt.Sprintf("op: the value that column %s is missing: %v", t.Cols[c].Name, err))
		}
		out[c] = d
	}
	return out
}

func allCols(n int) []int {
	cols := make([]int, n)
	for i := range cols {
		cols[i] = i
	}
	return cols
}

// appendKeyCol appends the key form of one value of a column.
func appendKeyCol(dst []byte, t types.T, v *vec.Vec, i int, desc, nullsFirst bool) []byte {
	return types.AppendKey(dst, t, keyDatum(v, i), desc, nullsFirst)
}
