package storage

import (
	"encoding/binary"
	"math"
	"math/bits"

	"streamdb/types"
	"streamdb/vec"
)

// RowDecoder decodes rows into builders, a needed subset of the columns. It is
// immutable and safe for concurrent use.
type RowDecoder struct {
	layouts []types.Layout
	slot    []int // by column: the builder it goes to, -1: none
	copies  [][2]int
	last    int                 // the last column anybody needs
	steps   []decodeStep        // the way through a row without NULLs, up to last
	missing map[int]types.Datum // by column: its value in rows that end before it; NULL if not here
}

// decodeStep is one needed column, or some columns beside each other that nobody
// needs.
type decodeStep struct {
	layout types.Layout
	slot   int // the builder; -1: passed over
	n      int // columns
}

// WithMissing sets what columns read as in rows that were written before the
// columns were added. It returns d, which nobody else may use yet.
func (d *RowDecoder) WithMissing(values map[int]types.Datum) *RowDecoder {
	d.missing = values
	return d
}

// NewRowDecoder makes a decoder for rows of columns with these layouts. need
// names the columns to decode, in the order of the builders; nil: all.
func NewRowDecoder(layouts []types.Layout, need []int) *RowDecoder {
	d := &RowDecoder{layouts: layouts, slot: make([]int, len(layouts)), last: -1}
	for c := range d.slot {
		d.slot[c] = -1
		if need == nil {
			d.slot[c], d.last = c, c
		}
	}
	for k, c := range need {
		if first := d.slot[c]; first >= 0 {
			d.copies = append(d.copies, [2]int{first, k})
			continue
		}
		d.slot[c] = k
		d.last = max(d.last, c)
	}
	for c := range d.last + 1 {
		if n := len(d.steps); n > 0 && d.slot[c] < 0 && d.steps[n-1].slot < 0 && d.steps[n-1].layout == layouts[c] {
			d.steps[n-1].n++
			continue
		}
		d.steps = append(d.steps, decodeStep{layouts[c], d.slot[c], 1})
	}
	return d
}

// Builders makes the builders that Append fills, with room for capacity rows.
func (d *RowDecoder) Builders(capacity int) []*vec.Builder {
	n := 0
	for _, k := range d.slot {
		if k >= 0 {
			n++
		}
	}
	out := make([]*vec.Builder, n+len(d.copies))
	for c, k := range d.slot {
		if k >= 0 {
			out[k] = vec.NewBuilder(d.layouts[c], capacity)
		}
	}
	for _, cp := range d.copies {
		out[cp[1]] = vec.NewBuilder(out[cp[0]].Layout, capacity)
	}
	return out
}

// Append decodes one row, appending one value to every builder. Bytes that are
// no row of these columns are an error XX001; the builders are then unusable.
func (d *RowDecoder) Append(out []*vec.Builder, row []byte) error {
	if len(row) == 0 {
		return corruptRow("empty")
	}
	if v := row[0] &^ rowNulls; v != rowVersion {
		return corruptRow("of unknown version")
	}
	n, p := uvarint(row, 1)
	if p < 0 || n > maxRowColumns {
		return corruptRow("with too many columns")
	}
	cols := int(n)
	var err error
	if row[0]&rowNulls == 0 && cols > d.last {
		p, err = d.plain(out, row, p)
	} else {
		p, err = d.sparse(out, row, p, cols)
	}
	if err != nil {
		return err
	}
	if cols == len(d.layouts) && d.last == cols-1 && p != len(row) {
		return corruptRow("with bytes left over")
	}
	for _, cp := range d.copies {
		v := out[cp[0]].Vec()
		out[cp[1]].AppendFrom(&v, v.N-1)
	}
	return nil
}

// plain decodes the columns of a row that has all that are needed and no NULLs,
// from p on; the position after them.
func (d *RowDecoder) plain(out []*vec.Builder, row []byte, p int) (int, error) {
	for i := range d.steps {
		st := &d.steps[i]
		if st.slot < 0 {
			if p = skip(row, p, st.layout, st.n); p < 0 {
				return 0, corruptRow("cut off")
			}
			continue
		}
		b := out[st.slot]
		switch {
		case st.layout == types.LInt64 && p < len(row) && row[p] < 0x80:
			b.AppendInt(int64(row[p]>>1) ^ -int64(row[p]&1))
			p++
		case st.layout == types.LBytes && p < len(row) && row[p] < 0x80 && int(row[p]) < len(row)-p:
			end := p + 1 + int(row[p])
			b.AppendBytes(row[p+1 : end])
			p = end
		default:
			var err error
			if p, err = decode(b, row, p, st.layout); err != nil {
				return 0, err
			}
		}
	}
	return p, nil
}

// sparse is plain for a row of cols columns, some of which may be NULL. Columns
// added after the row was written have the missing values.
func (d *RowDecoder) sparse(out []*vec.Builder, row []byte, p, cols int) (int, error) {
	var nulls []byte
	if row[0]&rowNulls != 0 {
		end := p + (cols+7)>>3
		if end > len(row) {
			return 0, corruptRow("cut off")
		}
		nulls, p = row[p:end], end
	}
	for c := range min(cols, d.last+1) {
		k := d.slot[c]
		if nulls != nil && nulls[c>>3]&(1<<(c&7)) != 0 {
			if k >= 0 {
				out[k].AppendNull()
			}
			continue
		}
		if k < 0 {
			if p = skip(row, p, d.layouts[c], 1); p < 0 {
				return 0, corruptRow("cut off")
			}
			continue
		}
		var err error
		if p, err = decode(out[k], row, p, d.layouts[c]); err != nil {
			return 0, err
		}
	}
	for c := cols; c <= d.last; c++ {
		k := d.slot[c]
		if k < 0 {
			continue
		}
		if v, ok := d.missing[c]; ok {
			out[k].AppendDatum(v)
		} else {
			out[k].AppendNull()
		}
	}
	return p, nil
}

// decode appends the value at row[p:] to a builder; the position after it.
func decode(b *vec.Builder, row []byte, p int, layout types.Layout) (int, error) {
	switch layout {
	case types.LBool:
		if p >= len(row) {
			return 0, corruptRow("cut off")
		}
		if row[p] > 1 {
			return 0, corruptRow("with a bad boolean")
		}
		b.AppendBool(row[p] == 1)
		return p + 1, nil
	case types.LInt64:
		u, p := uvarint(row, p)
		if p < 0 {
			return 0, corruptRow("with a bad integer")
		}
		b.AppendInt(int64(u>>1) ^ -int64(u&1))
		return p, nil
	case types.LFloat64:
		if p+8 > len(row) {
			return 0, corruptRow("cut off")
		}
		b.AppendFloat(math.Float64frombits(binary.LittleEndian.Uint64(row[p:])))
		return p + 8, nil
	}
	u, p := uvarint(row, p)
	if p < 0 || u > uint64(len(row)-p) {
		return 0, corruptRow("cut off")
	}
	end := p + int(u)
	b.AppendBytes(row[p:end])
	return end, nil
}

// skip is the position behind n values of a layout at row[p:], -1 if the row ends
// before.
func skip(row []byte, p int, layout types.Layout, n int) int {
	switch layout {
	case types.LInt64:
		return skipInts(row, p, n)
	case types.LBool, types.LFloat64:
		if p += n; layout == types.LFloat64 {
			p += 7 * n
		}
		if p > len(row) {
			return -1
		}
		return p
	}
	for range n {
		var u uint64
		if u, p = uvarint(row, p); p < 0 || u > uint64(len(row)-p) {
			return -1
		}
		p += int(u)
	}
	return p
}

// skipInts is skip of varints: of eight bytes at a time those that end one are
// counted.
func skipInts(row []byte, p, n int) int {
	for n >= 8 && p+8 <= len(row) {
		n -= bits.OnesCount64(^binary.LittleEndian.Uint64(row[p:]) & 0x8080808080808080)
		p += 8
	}
	for n > 0 && p < len(row) {
		if row[p] < 0x80 {
			n--
		}
		p++
	}
	if n > 0 {
		return -1
	}
	return p
}
