package aggs

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"

	"streamdb/vec"
)

// floatAcc sums floats exactly, one sum per group, so that the result depends on
// the rows alone and not on their order, and a retraction undoes an addition.
//
// A sum is a 256-bit two's complement integer in units of 2^base. The first value
// of a group sets base so that values up to about 2^96 smaller and 2^96 larger
// fit; each finite float is an integer of 53 bits in units of some power of two,
// hence adding is shifting and a carry chain. Values outside the window move the
// group to a big.Int in units of 2^-1074, the smallest float, in a side map. NaN
// and infinities are only counted. (The idea of an exact fixed-point sum is
// Kulisch's long accumulator; the window keeps it at 32 bytes a group.)
type floatAcc struct {
	w    [][4]uint64 // little-endian limbs
	base []int16     // exponent of the unit; noBase: nothing added yet
	n    []int64     // rows, odd ones included
	wide map[int32]*big.Int
	odd  map[int32]*[3]int64
}

const (
	noBase    = int16(math.MinInt16)
	belowBits = 96  // room under the first value's lowest bit
	topBits   = 222 // a 53-bit addend must end below this: leaves room for 2^32 rows
	minExp    = -1074
)

func (a *floatAcc) grow(n int) {
	old := len(a.base)
	a.w, a.base, a.n = vec.Grow(a.w, n), vec.Grow(a.base, n), vec.Grow(a.n, n)
	for i := old; i < len(a.base); i++ {
		a.base[i] = noBase
	}
}

func (a *floatAcc) bytes() int64 {
	return int64(42*cap(a.base)) + int64(400*len(a.wide)+80*len(a.odd))
}

func (a *floatAcc) reset(g int32) {
	a.w[g], a.base[g], a.n[g] = [4]uint64{}, noBase, 0
	delete(a.wide, g)
	delete(a.odd, g)
}

// add adds (w = +1) or retracts (w = -1) a value and counts it.
func (a *floatAcc) add(g int32, x float64, w int64) {
	a.addValue(g, x, w)
	a.settle(g, w)
}

func (a *floatAcc) settle(g int32, w int64) {
	a.n[g] += w
	if a.n[g] == 0 && a.w[g] == [4]uint64{} && a.odd[g] == nil {
		if z := a.wide[g]; z == nil || z.Sign() == 0 {
			a.reset(g)
		}
	}
}

// addValue adds or retracts a value without counting it.
func (a *floatAcc) addValue(g int32, x float64, w int64) {
	b := math.Float64bits(x)
	exp := int(b>>52) & 0x7ff
	mant := b & (1<<52 - 1)
	switch exp {
	case 0x7ff:
		a.addOdd(g, x, w)
		return
	case 0:
		if mant == 0 {
			return
		}
		exp = 1
	default:
		mant |= 1 << 52
	}
	exp -= 1075 // |x| = mant * 2^exp
	neg := (b>>63 != 0) != (w < 0)
	if len(a.wide) > 0 && a.wide[g] != nil {
		a.addWide(g, mant, exp, neg)
		return
	}
	if a.base[g] == noBase {
		a.base[g] = int16(max(exp-belowBits, minExp))
	}
	shift := exp - int(a.base[g])
	if shift < 0 || shift+53 > topBits {
		a.addWide(g, mant, exp, neg)
		return
	}
	addShifted(&a.w[g], mant, uint(shift), neg)
}

// addShifted adds or subtracts mant << shift.
func addShifted(acc *[4]uint64, mant uint64, shift uint, neg bool) {
	limb, s := shift>>6, shift&63
	lo := mant << s
	hi := mant >> (64 - s) // 0 for s = 0: Go shifts by 64 give 0
	var c uint64
	if neg {
		acc[limb], c = bits.Sub64(acc[limb], lo, 0)
		if limb < 3 {
			acc[limb+1], c = bits.Sub64(acc[limb+1], hi, c)
			for k := limb + 2; k < 4; k++ {
				acc[k], c = bits.Sub64(acc[k], 0, c)
			}
		}
		return
	}
	acc[limb], c = bits.Add64(acc[limb], lo, 0)
	if limb < 3 {
		acc[limb+1], c = bits.Add64(acc[limb+1], hi, c)
		for k := limb + 2; k < 4; k++ {
			acc[k], c = bits.Add64(acc[k], 0, c)
		}
	}
}

func (a *floatAcc) addOdd(g int32, x float64, w int64) {
	kind := oddNaN
	if math.IsInf(x, 1) {
		kind = oddInf
	} else if math.IsInf(x, -1) {
		kind = oddNegInf
	}
	a.addOddN(g, kind, w)
}

func (a *floatAcc) addOddN(g int32, kind int, w int64) {
	if a.odd == nil {
		a.odd = map[int32]*[3]int64{}
	}
	c := a.odd[g]
	if c == nil {
		c = &[3]int64{}
		a.odd[g] = c
	}
	if c[kind] += w; *c == [3]int64{} {
		delete(a.odd, g)
	}
}

func (a *floatAcc) addWide(g int32, mant uint64, exp int, neg bool) {
	z := new(big.Int).SetUint64(mant)
	z.Lsh(z, uint(exp-minExp))
	w := a.widen(g)
	if neg {
		w.Sub(w, z)
	} else {
		w.Add(w, z)
	}
}

// widen moves the group's sum to the side map.
func (a *floatAcc) widen(g int32) *big.Int {
	if z := a.wide[g]; z != nil {
		return z
	}
	if a.wide == nil {
		a.wide = map[int32]*big.Int{}
	}
	z := a.exact(g)
	a.w[g], a.base[g] = [4]uint64{}, noBase
	a.wide[g] = z
	return z
}

// exact returns the finite part of the sum in units of 2^-1074, as a new Int
// unless the group is wide.
func (a *floatAcc) exact(g int32) *big.Int {
	if z := a.wide[g]; z != nil {
		return z
	}
	z := new(big.Int)
	if a.base[g] == noBase {
		return z
	}
	mag, neg := magnitude(a.w[g])
	for k := 3; k >= 0; k-- {
		z.Lsh(z, 64)
		z.Or(z, new(big.Int).SetUint64(mag[k]))
	}
	z.Lsh(z, uint(int(a.base[g])-minExp))
	if neg {
		z.Neg(z)
	}
	return z
}

func magnitude(w [4]uint64) (mag [4]uint64, neg bool) {
	if int64(w[3]) >= 0 {
		return w, false
	}
	var c uint64
	for k := range w {
		mag[k], c = bits.Sub64(0, w[k], c)
	}
	return mag, true
}

// oddSum is the sum when values that are not finite decide it.
func (a *floatAcc) oddSum(g int32) (float64, bool) {
	c := a.odd[g]
	switch {
	case c == nil:
		return 0, false
	case c[oddNaN] > 0 || c[oddInf] > 0 && c[oddNegInf] > 0:
		return math.NaN(), true
	case c[oddInf] > 0:
		return math.Inf(1), true
	case c[oddNegInf] > 0:
		return math.Inf(-1), true
	}
	return 0, false
}

// sum returns the group's sum, rounded once. It may be infinite by overflow.
func (a *floatAcc) sum(g int32) float64 {
	if x, ok := a.oddSum(g); ok {
		return x
	}
	if len(a.wide) > 0 && a.wide[g] != nil {
		return scaleBig(a.wide[g], minExp)
	}
	if a.base[g] == noBase {
		return 0
	}
	mag, neg := magnitude(a.w[g])
	top := 3
	for top >= 0 && mag[top] == 0 {
		top--
	}
	if top < 0 {
		return 0
	}
	// The top 64 bits, with whatever is below folded into the lowest one: the
	// conversion to float64 then rounds the whole sum to nearest even.
	s := uint(bits.LeadingZeros64(mag[top]))
	x := mag[top] << s
	rest := uint64(0)
	if top > 0 {
		x |= mag[top-1] >> (64 - s)
		rest = mag[top-1] << s
		for k := top - 2; k >= 0; k-- {
			rest |= mag[k]
		}
	}
	if rest != 0 {
		x |= 1
	}
	exp := top*64 - int(s) + int(a.base[g])
	if exp+63 < -1022 { // subnormal: rounds at another place
		return scaleBig(a.exact(g), minExp)
	}
	f := math.Ldexp(float64(x), exp)
	if neg {
		f = -f
	}
	return f
}

// scaleBig is z * 2^exp rounded to nearest even.
func scaleBig(z *big.Int, exp int) float64 {
	f, _ := new(big.Float).SetMantExp(new(big.Float).SetInt(z), exp).Float64()
	return f
}

// encode appends the group's accumulator.
func (a *floatAcc) encode(g int32, dst []byte) []byte {
	dst = appendInts(dst, a.n[g])
	odd := a.odd[g]
	if odd == nil {
		odd = &[3]int64{}
	}
	dst = appendInts(dst, odd[0], odd[1], odd[2])
	if z := a.wide[g]; z != nil {
		sign := byte(1)
		if z.Sign() < 0 {
			sign = 2
		}
		return appendBytes(append(dst, sign), z.Bytes())
	}
	dst = append(dst, 0)
	dst = appendInts(dst, int64(a.base[g]))
	if a.base[g] == noBase {
		return dst
	}
	for _, limb := range a.w[g] {
		dst = binary.LittleEndian.AppendUint64(dst, limb)
	}
	return dst
}

// merge adds (w = +1) or retracts an encoded accumulator.
func (a *floatAcc) merge(g int32, src []byte, w int64) ([]byte, error) {
	r := reader{b: src}
	n := r.int()
	for kind := range 3 {
		if c := r.int(); c != 0 {
			a.addOddN(g, kind, w*c)
		}
	}
	if r.bad || len(r.b) == 0 {
		return nil, errCorrupt()
	}
	form := r.b[0]
	r.b = r.b[1:]
	if form == 0 {
		base := r.int()
		if int16(base) != noBase {
			var limbs [4]uint64
			for k := range limbs {
				limbs[k] = r.fixed()
			}
			if !r.bad {
				a.addLimbs(g, limbs, int16(base), w)
			}
		}
	} else {
		z := new(big.Int).SetBytes(r.bytes())
		if (form == 2) != (w < 0) {
			z.Neg(z)
		}
		if t := a.widen(g); !r.bad {
			t.Add(t, z)
		}
	}
	rest, err := r.done()
	if err == nil {
		a.settle(g, w*n)
	}
	return rest, err
}

// addLimbs adds another window's sum: directly when the units agree, else bit
// group by bit group, as if it were floats.
func (a *floatAcc) addLimbs(g int32, limbs [4]uint64, base int16, w int64) {
	if a.base[g] == noBase && (len(a.wide) == 0 || a.wide[g] == nil) {
		a.base[g] = base
	}
	if a.base[g] == base && (len(a.wide) == 0 || a.wide[g] == nil) {
		var c uint64
		acc := &a.w[g]
		for k := range acc {
			if w > 0 {
				acc[k], c = bits.Add64(acc[k], limbs[k], c)
			} else {
				acc[k], c = bits.Sub64(acc[k], limbs[k], c)
			}
		}
		return
	}
	mag, neg := magnitude(limbs)
	for bit := 0; bit < 256; bit += 32 {
		if part := mag[bit>>6] >> (bit & 63) & (1<<32 - 1); part != 0 {
			a.addPart(g, part, int(base)+bit, neg != (w < 0))
		}
	}
}

func (a *floatAcc) addPart(g int32, mant uint64, exp int, neg bool) {
	if (len(a.wide) == 0 || a.wide[g] == nil) && a.base[g] != noBase {
		if shift := exp - int(a.base[g]); shift >= 0 && shift+53 <= topBits {
			addShifted(&a.w[g], mant, uint(shift), neg)
			return
		}
	}
	a.addWide(g, mant, exp, neg)
}
