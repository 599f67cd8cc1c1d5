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
