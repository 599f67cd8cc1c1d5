package storage

import (
	"encoding/binary"
	"math"

	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// Row encoding, version 1:
//
//	header:  1 byte: version in the low 7 bits; 0x80: a NULL bitmap follows
//	columns: uvarint: the number of columns n
//	bitmap:  if 0x80: (n+7)/8 bytes; bit i set: column i is NULL, and has no bytes below
//	then each column that is not NULL:
//	  LBool    1 byte, 0 or 1
//	  LInt64   zigzag varint
//	  LFloat64 8 bytes, IEEE 754 bits, little-endian
//	  LBytes   uvarint length, bytes
//
// A row with fewer columns than the reader asks for was written before columns
// were added: the others read as the reader's missing values, NULL unless it has
// others. A row with more columns was written after the reader learned of the
// table: it reads those that it knows. Layouts are not stored: they are those of
// the table's columns, which never change their position.
const (
	rowVersion = 1
	rowNulls   = 0x80
	// maxRowColumns bounds what a corrupt row can claim.
	maxRowColumns = 1 << 16
)

// AppendRow appends the encoding of row i of the columns.
func AppendRow(dst []byte, cols []vec.Vec, i int) []byte {
	header := len(dst)
	dst = append(dst, rowVersion)
	dst = appendUvarint(dst, uint64(len(cols)))
	bitmap := -1
	for c := range cols {
		if cols[c].Valid == nil || !cols[c].Null(i) {
			continue
		}
		if bitmap < 0 {
			bitmap = len(dst)
			dst[header] |= rowNulls
			for range (len(cols) + 7) >> 3 {
				dst = append(dst, 0)
			}
		}
		dst[bitmap+c>>3] |= 1 << (c & 7)
	}
	for c := range cols {
		v := &cols[c]
		if bitmap >= 0 && dst[bitmap+c>>3]&(1<<(c&7)) != 0 {
			continue
		}
		j := i & v.Mask()
		switch v.Layout {
		case types.LBool:
			b := byte(0)
			if v.Bool[j] {
				b = 1
			}
			dst = append(dst, b)
		case types.LInt64:
			x := v.I64[j]
			dst = appendUvarint(dst, uint64(x<<1)^uint64(x>>63))
		case types.LFloat64:
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.F64[j]))
		default:
			from, to := v.Off[j], v.Off[j+1]
			dst = appendUvarint(dst, uint64(to-from))
			dst = append(dst, v.Data[from:to]...)
		}
	}
	return dst
}

// AppendDatums appends the encoding of a row given as single values; for
// catalogs and other cold paths.
func AppendDatums(dst []byte, layouts []types.Layout, row []types.Datum) []byte {
	cols := make([]vec.Vec, len(row))
	for c := range row {
		cols[c] = vec.ConstOf(layouts[c], row[c], 1)
	}
	return AppendRow(dst, cols, 0)
}

func appendUvarint(dst []byte, x uint64) []byte {
	for x >= 0x80 {
		dst = append(dst, byte(x)|0x80)
		x >>= 7
	}
	return append(dst, byte(x))
}

// RowDecoder decodes rows into builders, a needed subset of the columns. It is
// immutable and safe for concurrent use.
type RowDecoder struct {
	layouts []types.Layout
	slot    []int // by column: the builder it goes to, -1: none
	copies  [][2]int
	last    int                 // the last column anybody needs
	missing map[int]types.Datum // by column: its value in rows that end before it; NULL if not here
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
	}
	if need == nil {
		for c := range d.slot {
			d.slot[c] = c
		}
		d.last = len(layouts) - 1
		return d
	}
	for k, c := range need {
		if first := d.slot[c]; first >= 0 {
			d.copies = append(d.copies, [2]int{first, k})
			continue
		}
		d.slot[c] = k
		d.last = max(d.last, c)
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
	var nulls []byte
	if row[0]&rowNulls != 0 {
		end := p + (cols+7)>>3
		if end > len(row) {
			return corruptRow("cut off")
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
		switch d.layouts[c] {
		case types.LBool:
			if p >= len(row) {
				return corruptRow("cut off")
			}
			if row[p] > 1 {
				return corruptRow("with a bad boolean")
			}
			if k >= 0 {
				out[k].AppendBool(row[p] == 1)
			}
			p++
		case types.LInt64:
			var u uint64
			if u, p = uvarint(row, p); p < 0 {
				return corruptRow("with a bad integer")
			}
			if k >= 0 {
				out[k].AppendInt(int64(u>>1) ^ -int64(u&1))
			}
		case types.LFloat64:
			if p+8 > len(row) {
				return corruptRow("cut off")
			}
			if k >= 0 {
				out[k].AppendFloat(math.Float64frombits(binary.LittleEndian.Uint64(row[p:])))
			}
			p += 8
		default:
			var u uint64
			if u, p = uvarint(row, p); p < 0 || u > uint64(len(row)-p) {
				return corruptRow("cut off")
			}
			end := p + int(u)
			if k >= 0 {
				out[k].AppendBytes(row[p:end])
			}
			p = end
		}
	}
	if cols == len(d.layouts) && d.last == cols-1 && p != len(row) {
		return corruptRow("with bytes left over")
	}
	for c := cols; c <= d.last; c++ { // columns added after the row was written
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
	for _, cp := range d.copies {
		v := out[cp[0]].Vec()
		out[cp[1]].AppendFrom(&v, v.N-1)
	}
	return nil
}

// uvarint reads a varint at b[p:]; the position after it, or -1.
func uvarint(b []byte, p int) (uint64, int) {
	if p < len(b) && b[p] < 0x80 {
		return uint64(b[p]), p + 1
	}
	var x uint64
	for shift := uint(0); p < len(b) && shift < 64; shift += 7 {
		c := b[p]
		p++
		if c < 0x80 {
			if shift == 63 && c > 1 {
				return 0, -1
			}
			return x | uint64(c)<<shift, p
		}
		x |= uint64(c&0x7f) << shift
	}
	return 0, -1
}

func corruptRow(what string) error {
	return sqlerr.New(sqlerr.DataCorrupted, "a stored row is %s", what)
}
