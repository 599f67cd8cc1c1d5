package types

import (
	"encoding/binary"
	"math"
	"math/big"

	"streamdb/internal/sqlerr"
)

// AppendBinary appends the binary form of a value that is not NULL, as
// Postgres's send function writes it (without the length in front).
func AppendBinary(dst []byte, t T, d Datum) []byte {
	switch t.Layout() {
	case LBool:
		return append(dst, byte(d.I))
	case LInt64:
		return AppendBinaryInt(dst, t, d.I)
	case LFloat64:
		return AppendBinaryFloat(dst, t, d.F)
	default:
		return AppendBinaryBytes(dst, t, bytesOf(d.S))
	}
}

// AppendBinaryInt is AppendBinary for layout LInt64.
func AppendBinaryInt(dst []byte, t T, i int64) []byte {
	be := binary.BigEndian
	switch t.ID {
	case Int2:
		return be.AppendUint16(dst, uint16(i))
	case Int8, Time:
		return be.AppendUint64(dst, uint64(i))
	case Date:
		switch i {
		case PosInfinity:
			return be.AppendUint32(dst, math.MaxInt32)
		case NegInfinity:
			return be.AppendUint32(dst, 1<<31)
		}
		return be.AppendUint32(dst, uint32(i-pgEpochDays))
	case Timestamp, TimestampTZ:
		if i != PosInfinity && i != NegInfinity {
			i -= pgEpoch
		}
		return be.AppendUint64(dst, uint64(i))
	}
	return be.AppendUint32(dst, uint32(i))
}

// AppendBinaryFloat is AppendBinary for layout LFloat64.
func AppendBinaryFloat(dst []byte, t T, f float64) []byte {
	if t.ID == Float4 {
		return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(f)))
	}
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(f))
}

// AppendBinaryBytes is AppendBinary for layout LBytes; b is the byte form.
func AppendBinaryBytes(dst []byte, t T, b []byte) []byte {
	be := binary.BigEndian
	switch t.ID {
	case Numeric:
		return appendBinaryNumeric(dst, DecodeDecimal(b))
	case Interval:
		v := DecodeInterval(b)
		dst = be.AppendUint64(dst, uint64(v.Micros))
		dst = be.AppendUint32(dst, uint32(v.Days))
		return be.AppendUint32(dst, uint32(v.Months))
	case Jsonb:
		return append(append(dst, 1), b...)
	case Array, Int2Vector, OIDVector:
		return appendBinaryArray(dst, t, b)
	case Record:
		vals := DecodeRecord(t, b)
		dst = be.AppendUint32(dst, uint32(len(vals)))
		for i, d := range vals {
			dst = be.AppendUint32(dst, t.Fields[i].Type.OID())
			dst = appendBinarySized(dst, t.Fields[i].Type, d)
		}
		return dst
	case Char:
		if len(b) == 0 {
			return append(dst, 0)
		}
	case Void:
		return dst
	}
	return append(dst, b...)
}

// appendBinarySized appends length and value, -1 for NULL.
func appendBinarySized(dst []byte, t T, d Datum) []byte {
	if d.Null {
		return binary.BigEndian.AppendUint32(dst, math.MaxUint32)
	}
	at := len(dst)
	dst = AppendBinary(append(dst, 0, 0, 0, 0), t, d)
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

func appendBinaryArray(dst []byte, t T, b []byte) []byte {
	be := binary.BigEndian
	elem := elemOf(t)
	a := DecodeArray(elem, b)
	if t.ID != Array && len(a.Dims) == 0 {
		a.Dims = []int{0} // vectors always have one dimension
	}
	dst = be.AppendUint32(dst, uint32(len(a.Dims)))
	nulls := uint32(0)
	for _, d := range a.Elems {
		if d.Null {
			nulls = 1
		}
	}
	dst = be.AppendUint32(be.AppendUint32(dst, nulls), elem.OID())
	lower := uint32(1)
	if t.ID != Array {
		lower = 0
	}
	for _, n := range a.Dims {
		dst = be.AppendUint32(be.AppendUint32(dst, uint32(n)), lower)
	}
	for _, d := range a.Elems {
		dst = appendBinarySized(dst, elem, d)
	}
	return dst
}

// appendBinaryNumeric writes base-10000 digits.
func appendBinaryNumeric(dst []byte, d Decimal) []byte {
	be := binary.BigEndian
	head := func(n, weight int, sign uint16, scale int) {
		dst = be.AppendUint16(be.AppendUint16(dst, uint16(n)), uint16(int16(weight)))
		dst = be.AppendUint16(be.AppendUint16(dst, sign), uint16(scale))
	}
	switch d.form {
	case formNaN:
		head(0, 0, 0xc000, 0)
		return dst
	case formPosInf:
		head(0, 0, 0xd000, 0x20) // the scale is what Postgres sends
		return dst
	case formNegInf:
		head(0, 0, 0xf000, 0x20)
		return dst
	}
	sign := uint16(0)
	if d.form == formNeg {
		sign = 0x4000
	}
	if d.IsZero() {
		head(0, 0, 0, int(d.scale))
		return dst
	}
	var buf [64]byte
	plain := d
	plain.scale, plain.form = 0, formPos
	text := plain.Append(buf[:0])
	before := len(text) - int(d.scale) // digits before the point, may be negative
	weight := int(floorDiv(int64(before-1), 4))
	// Leading zeros that complete the first group, then groups of four.
	pad := (weight+1)*4 - before
	groups := (pad + len(text) + 3) / 4
	vals := make([]uint16, 0, 16)
	for g := range groups {
		v := uint16(0)
		for k := range 4 {
			v *= 10
			if i := g*4 + k - pad; i >= 0 && i < len(text) {
				v += uint16(text[i] - '0')
			}
		}
		vals = append(vals, v)
	}
	for len(vals) > 0 && vals[len(vals)-1] == 0 {
		vals = vals[:len(vals)-1]
	}
	head(len(vals), weight, sign, int(d.scale))
	for _, v := range vals {
		dst = be.AppendUint16(dst, v)
	}
	return dst
}

// errBinary is error 22P03.
func errBinary(t T) error {
	return sqlerr.New(sqlerr.InvalidBinaryRepresentation, "incorrect binary data format for type %s", t)
}

// ParseBinary reads a value from its binary form and enforces t's modifiers.
// Errors: 22P03 and those of the type's range.
func ParseBinary(t T, b []byte) (Datum, error) {
	be := binary.BigEndian
	if n := t.Typlen(); n > 0 && t.ID != Name && t.ID != Void && len(b) != int(n) {
		return Datum{}, errBinary(t)
	}
	switch t.ID {
	case Bool:
		return BoolDatum(b[0] != 0), nil
	case Int2:
		return Datum{I: int64(int16(be.Uint16(b)))}, nil
	case Int4:
		return Datum{I: int64(int32(be.Uint32(b)))}, nil
	case OID, Regclass, Regtype, Regproc, Regnamespace:
		return Datum{I: int64(be.Uint32(b))}, nil
	case Int8:
		return Datum{I: int64(be.Uint64(b))}, nil
	case Time:
		i := int64(be.Uint64(b))
		if i < 0 || i > Day {
			return Datum{}, ErrTimeRange()
		}
		return Datum{I: roundMicros(i, t.Mod)}, nil
	case Float4:
		return Datum{F: float64(math.Float32frombits(be.Uint32(b)))}, nil
	case Float8:
		return Datum{F: math.Float64frombits(be.Uint64(b))}, nil
	case Date:
		i := int64(int32(be.Uint32(b)))
		switch i {
		case math.MaxInt32:
			return Datum{I: PosInfinity}, nil
		case math.MinInt32:
			return Datum{I: NegInfinity}, nil
		}
		if i += pgEpochDays; !DateInRange(i) {
			return Datum{}, ErrDateRange()
		}
		return Datum{I: i}, nil
	case Timestamp, TimestampTZ:
		i := int64(be.Uint64(b))
		if i != PosInfinity && i != NegInfinity {
			s, ok := AddInt64(i, pgEpoch)
			if !ok || !TimestampInRange(s) {
				return Datum{}, ErrTimestampRange()
			}
			i = roundTimestamp(s, t.Mod)
		}
		return Datum{I: i}, nil
	case Interval:
		v := Span{Micros: int64(be.Uint64(b)), Days: int32(be.Uint32(b[8:])), Months: int32(be.Uint32(b[12:]))}
		return v.ApplyMod(t.Mod).Datum(), nil
	case Numeric:
		d, ok := parseBinaryNumeric(b)
		if !ok {
			return Datum{}, errBinary(t)
		}
		d, err := d.ApplyMod(t)
		if err != nil {
			return Datum{}, err
		}
		return d.Datum(), nil
	case Bytea:
		return Datum{S: string(b)}, nil
	case Jsonb:
		if len(b) == 0 || b[0] != 1 {
			return Datum{}, sqlerr.New(sqlerr.InternalError, "unsupported jsonb version number %d", firstByte(b))
		}
		out, err := ParseJsonb(string(b[1:]))
		return Datum{S: stringOf(out)}, err
	case Char:
		if b[0] == 0 {
			return Datum{}, nil
		}
		return Datum{S: string(b)}, nil
	case Array, Int2Vector, OIDVector:
		return parseBinaryArray(t, b)
	case Record:
		return parseBinaryRecord(t, b)
	case Void:
		return Datum{}, nil
	}
	return ParseText(t, string(b), nil)
}

func firstByte(b []byte) byte {
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func parseBinaryNumeric(b []byte) (Decimal, bool) {
	be := binary.BigEndian
	if len(b) < 8 {
		return Decimal{}, false
	}
	n, weight := int(be.Uint16(b)), int(int16(be.Uint16(b[2:])))
	sign, scale := be.Uint16(b[4:]), int(be.Uint16(b[6:]))
	b = b[8:]
	switch sign {
	case 0xc000:
		return DecimalNaN, true
	case 0xd000:
		return DecimalInf, true
	case 0xf000:
		return DecimalNegInf, true
	case 0, 0x4000:
	default:
		return Decimal{}, false
	}
	if len(b) != 2*n || scale > numericMaxScale {
		return Decimal{}, false
	}
	// The value is digits * 10000^(weight-n+1).
	var c u128
	var z *big.Int
	for i := range n {
		g := be.Uint16(b[2*i:])
		if g > 9999 {
			return Decimal{}, false
		}
		if z == nil {
			next, ok := c.mul64(10000)
			if ok {
				next, ok = next.add(u128{0, uint64(g)})
			}
			if ok {
				c = next
				continue
			}
			z = c.big()
		}
		z.Mul(z, big.NewInt(10000)).Add(z, big.NewInt(int64(g)))
	}
	if z == nil {
		z = c.big()
	}
	d := ofBig(sign == 0x4000, z, 0)
	have := (n - 1 - weight) * 4 // digits after the point that the groups reach to
	if n == 0 {
		have = 0
	}
	switch {
	case have < scale:
		d = d.scaleUp(scale - have)
		d.scale = int32(scale)
	case have >= 0:
		d.scale = int32(have)
		d = d.Trunc(scale) // groups of four reach beyond the display scale
	}
	d, err := d.check()
	return d, err == nil
}

// binaryReader takes a message apart; bad is set when it is too short.
type binaryReader struct {
	b   []byte
	bad bool
}

func (r *binaryReader) u32() uint32 {
	if len(r.b) < 4 {
		r.bad = true
		return 0
	}
	v := binary.BigEndian.Uint32(r.b)
	r.b = r.b[4:]
	return v
}

// value reads a sized value.
func (r *binaryReader) value(t T) (Datum, error) {
	n := int32(r.u32())
	if n == -1 {
		return NullDatum, nil
	}
	if n < 0 || int(n) > len(r.b) {
		r.bad = true
		return Datum{}, errBinary(t)
	}
	d, err := ParseBinary(t, r.b[:n])
	r.b = r.b[n:]
	return d, err
}

func parseBinaryArray(t T, b []byte) (Datum, error) {
	elem := elemOf(t)
	r := &binaryReader{b: b}
	nd := int(r.u32())
	r.u32() // flags
	oid := r.u32()
	if r.bad || nd > 6 {
		return Datum{}, errBinary(t)
	}
	if oid != elem.OID() {
		if got, ok := OfOID(oid); !ok || got.ID != elem.ID {
			return Datum{}, sqlerr.New(sqlerr.DatatypeMismatch, "binary data has array element type %d instead of expected %d", oid, elem.OID())
		}
	}
	a := ArrayValue{}
	n := 1
	for range nd {
		dim := int(int32(r.u32()))
		r.u32()
		if r.bad || dim < 0 || dim > len(b) {
			return Datum{}, errBinary(t)
		}
		a.Dims = append(a.Dims, dim)
		n *= dim
		if n > len(b)/4 {
			return Datum{}, errBinary(t)
		}
	}
	if nd == 0 {
		n = 0
	}
	for range n {
		d, err := r.value(elem)
		if err != nil {
			return Datum{}, err
		}
		a.Elems = append(a.Elems, d)
	}
	if r.bad || len(r.b) != 0 {
		return Datum{}, errBinary(t)
	}
	return a.Datum(elem), nil
}

func parseBinaryRecord(t T, b []byte) (Datum, error) {
	r := &binaryReader{b: b}
	if n := r.u32(); int(n) != len(t.Fields) {
		return Datum{}, sqlerr.New(sqlerr.DatatypeMismatch, "wrong number of columns: %d, expected %d", n, len(t.Fields))
	}
	vals := make([]Datum, len(t.Fields))
	for i := range vals {
		r.u32() // the field's type
		d, err := r.value(t.Fields[i].Type)
		if err != nil {
			return Datum{}, err
		}
		vals[i] = d
	}
	if r.bad || len(r.b) != 0 {
		return Datum{}, errBinary(t)
	}
	return EncodeRecord(t, vals), nil
}
