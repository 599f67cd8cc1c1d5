package aggs

import (
	"encoding/binary"
	"math"
	"slices"

	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// approxPercentiles lists approx_percentile(fraction, relative error) WITHIN
// GROUP (ORDER BY x), as RisingWave has it.
func approxPercentiles() []*Def {
	f8 := types.Float8
	var out []*Def
	for _, args := range [][]types.ID{{f8, f8, f8}, {f8, f8}} {
		out = append(out, &Def{
			Def: expr.Def{Name: "approx_percentile", Args: args, Ret: f8, Doc: "Value near the fraction, up to a relative error (0.01 if it is not given)"},
			New: func(args []types.T) State { return &quantiles{args: len(args)} }, Retractable: true, OrderedSet: true,
		})
	}
	return out
}

// quantiles is a sketch with buckets of exponentially growing width: a value x
// is in bucket ceil(log(|x|) / log(base)) of its sign, with base = (1+e)/(1-e),
// so that the bucket's middle is off by the relative error e at most. Counts of
// buckets are sums of weights: retractions need nothing more. Source: Masson,
// Rim and Lee, "DDSketch", VLDB 2019. The rank is that of RisingWave: the value
// of the row number floor(fraction * (rows - 1)), from 0.
type quantiles struct {
	args   int // 3: fraction, error, value; 2: fraction, value
	groups []quantileGroup
}

type quantileGroup struct {
	known    bool // fraction and width are those of a row
	fraction float64
	relative float64
	buckets  []quantileBucket // by key
}

// quantileBucket counts the values of one bucket. Keys are in the order of the
// values: bucketBias + number for positive ones, 0 for zero, the negative for
// negative ones.
type quantileBucket struct {
	key int64
	n   int64
}

const (
	bucketBias     = int64(1) << 40 // numbers are well within +-bucketBias
	bucketInfinity = int64(1) << 50
	bucketNaN      = bucketInfinity + 1 // above all, as in ORDER BY
)

const defaultRelativeError = 0.01

func (s *quantiles) Grow(groups int) { s.groups = vec.Grow(s.groups, groups) }

func (s *quantiles) Update(groups []int32, args []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	v := &args[s.args-1]
	m := v.Mask()
	var err error
	eachRow(v, weights, sel, n, func(i int, w int64) {
		g := &s.groups[groups[i]]
		if !g.known && err == nil {
			err = g.learn(args, i)
		}
		if err == nil && g.known {
			g.add(g.key(v.F64[i&m]), w)
		}
	})
	return err
}

// learn takes the constant arguments from a row. NULL: the result is NULL.
func (g *quantileGroup) learn(args []vec.Vec, i int) error {
	g.fraction, g.relative = math.NaN(), defaultRelativeError
	if f := &args[0]; !f.Null(i) {
		g.fraction = f.F64[i&f.Mask()]
		if !(g.fraction >= 0 && g.fraction <= 1) {
			return sqlerr.New(sqlerr.NumericValueOutOfRange, "percentile value %v is not between 0 and 1", g.fraction)
		}
	}
	if len(args) == 3 && !args[1].Null(i) {
		g.relative = args[1].F64[i&args[1].Mask()]
		if !(g.relative > 0 && g.relative < 1) {
			return sqlerr.New(sqlerr.NumericValueOutOfRange, "relative error %v is not between 0 and 1", g.relative)
		}
	}
	g.known = true
	return nil
}

func (g *quantileGroup) base() float64 { return (1 + g.relative) / (1 - g.relative) }

// leastBucketed is the least normal number: nearer to zero the logarithm, and what
// becomes of it, are too coarse for a relative error, and a value counts as zero.
const leastBucketed = 0x1p-1022

func (g *quantileGroup) key(x float64) int64 {
	switch {
	case math.Abs(x) < leastBucketed:
		return 0
	case math.IsNaN(x):
		return bucketNaN
	case math.IsInf(x, 1):
		return bucketInfinity
	case math.IsInf(x, -1):
		return -bucketInfinity
	}
	k := bucketBias + int64(math.Ceil(math.Log(math.Abs(x))/math.Log(g.base())))
	if x < 0 {
		return -k
	}
	return k
}

// value is the middle of a bucket.
func (g *quantileGroup) value(key int64) float64 {
	switch key {
	case 0:
		return 0
	case bucketNaN:
		return math.NaN()
	case bucketInfinity, -bucketInfinity:
		return math.Inf(int(key >> 32))
	}
	sign := 1.0
	if key < 0 {
		sign, key = -1, -key
	}
	b := g.base()
	return sign * 2 * math.Pow(b, float64(key-bucketBias)) / (b + 1)
}

func (g *quantileGroup) add(key, w int64) {
	at, found := slices.BinarySearchFunc(g.buckets, key, func(b quantileBucket, k int64) int {
		switch {
		case b.key < k:
			return -1
		case b.key > k:
			return 1
		}
		return 0
	})
	if !found {
		g.buckets = slices.Insert(g.buckets, at, quantileBucket{key, w})
		return
	}
	if g.buckets[at].n += w; g.buckets[at].n == 0 {
		g.buckets = slices.Delete(g.buckets, at, at+1)
	}
}

func (s *quantiles) Result(_ *expr.Ctx, ids []int32, out *vec.Builder) error {
	for _, id := range ids {
		g := &s.groups[id]
		rows := int64(0)
		for _, b := range g.buckets {
			rows += b.n
		}
		if rows <= 0 || math.IsNaN(g.fraction) {
			out.AppendNull()
			continue
		}
		rank := int64(math.Floor(float64(rows-1) * g.fraction))
		at := 0
		for seen := g.buckets[0].n; seen <= rank; seen += g.buckets[at].n {
			at++
		}
		out.AppendDatum(types.FloatDatum(g.value(g.buckets[at].key)))
	}
	return nil
}

func (s *quantiles) AppendPartial([]int32, []*vec.Builder) error {
	return sqlerr.New(sqlerr.InternalError, "approx_percentile has no partial form")
}

func (s *quantiles) Merge([]int32, []vec.Vec, []stream.Op, []int32, int) error {
	return sqlerr.New(sqlerr.InternalError, "approx_percentile has no partial form")
}

func (s *quantiles) Reset(id int32) { s.groups[id] = quantileGroup{} }

// Encode writes known, and if so: fraction, error, number of buckets, buckets.
func (s *quantiles) Encode(id int32, dst []byte) []byte {
	g := &s.groups[id]
	if !g.known {
		return binary.AppendUvarint(dst, 0)
	}
	dst = binary.AppendUvarint(dst, 1)
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(g.fraction))
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(g.relative))
	dst = binary.AppendUvarint(dst, uint64(len(g.buckets)))
	for _, b := range g.buckets {
		dst = appendInts(dst, b.key, b.n)
	}
	return dst
}

func (s *quantiles) Decode(id int32, src []byte) ([]byte, error) {
	r := reader{b: src}
	g := quantileGroup{known: r.uint() == 1}
	if g.known {
		g.fraction, g.relative = math.Float64frombits(r.fixed()), math.Float64frombits(r.fixed())
		for n := r.uint(); n > 0 && !r.bad; n-- {
			g.buckets = append(g.buckets, quantileBucket{r.int(), r.int()})
		}
	}
	s.groups[id] = g
	return r.done()
}

func (s *quantiles) Bytes() int64 {
	sum := int64(cap(s.groups)) * 56
	for i := range s.groups {
		sum += int64(cap(s.groups[i].buckets)) * 16
	}
	return sum
}
