package types

import (
	"bytes"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func rat(d Decimal) *big.Rat {
	r := new(big.Rat).SetInt(d.bigCoef())
	r.Quo(r, new(big.Rat).SetInt(bigPow10(int(d.scale))))
	if d.form == formNeg {
		r.Neg(r)
	}
	return r
}

// TestDecimalAgainstRat: sums, products and comparisons are exact, quotients
// and remainders are right at their scale.
func TestDecimalAgainstRat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genDecimal().Draw(t, "a"), genDecimal().Draw(t, "b")
		ra, rb := rat(a), rat(b)
		if a.Cmp(b) != ra.Cmp(rb) {
			t.Fatalf("Cmp(%s, %s) = %d", a, b, a.Cmp(b))
		}
		sum, _ := a.Add(b)
		diff, _ := a.Sub(b)
		prod, _ := a.Mul(b)
		if rat(sum).Cmp(new(big.Rat).Add(ra, rb)) != 0 || rat(diff).Cmp(new(big.Rat).Sub(ra, rb)) != 0 || rat(prod).Cmp(new(big.Rat).Mul(ra, rb)) != 0 {
			t.Fatalf("%s and %s: sum %s, difference %s, product %s", a, b, sum, diff, prod)
		}
		back := DecodeDecimal(AppendDecimal(nil, a))
		if back.String() != a.String() || back.scale != a.scale {
			t.Fatalf("%s decodes as %s", a, back)
		}
		if b.IsZero() {
			return
		}
		q, err := a.Div(b)
		if err != nil {
			t.Fatal(err)
		}
		off := new(big.Rat).Sub(rat(q), new(big.Rat).Quo(ra, rb))
		half := new(big.Rat).SetFrac(bigOne, new(big.Int).Mul(big.NewInt(2), bigPow10(int(q.scale))))
		if off.Abs(off).Cmp(half) > 0 {
			t.Fatalf("%s / %s = %s", a, b, q)
		}
		m, err := a.Mod(b)
		whole, _ := a.DivTrunc(b)
		p, _ := whole.Mul(b)
		p, _ = p.Add(m)
		if err != nil || p.Cmp(a) != 0 || m.Abs().Cmp(b.Abs()) >= 0 {
			t.Fatalf("%s %% %s = %s, div %s", a, b, m, whole)
		}
	})
}

// TestU128Div checks the division that decimals of two words rest on.
func TestU128Div(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := u128{rapid.Uint64().Draw(t, "h"), rapid.Uint64().Draw(t, "l")}
		y := u128{rapid.Uint64().Draw(t, "H"), rapid.Uint64().Draw(t, "L")}
		if rapid.Bool().Draw(t, "narrow") {
			y.hi >>= rapid.UintRange(0, 64).Draw(t, "shift")
		}
		if y.isZero() {
			return
		}
		q, r := x.div(y)
		wq, wr := new(big.Int).QuoRem(x.big(), y.big(), new(big.Int))
		if q.big().Cmp(wq) != 0 || r.big().Cmp(wr) != 0 {
			t.Fatalf("%v / %v = %v, %v; want %v, %v", x, y, q, r, wq, wr)
		}
		if got, want := x.digits10(), len(x.big().String()); got != want && !x.isZero() {
			t.Fatalf("%v has %d digits, not %d", x, want, got)
		}
	})
}

// FuzzNumeric: what reads as numeric keeps its value and scale through text and bytes.
func FuzzNumeric(f *testing.F) {
	for _, s := range samples[Numeric] {
		f.Add(s)
	}
	f.Add("1e131071")
	f.Add("-0.000e-5")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDecimal(s)
		if err != nil {
			return
		}
		text := d.String()
		back, err := ParseDecimal(text)
		if err != nil || back.String() != text || back.Cmp(d) != 0 {
			t.Fatalf("%q: %q reads back as %q, %v", s, text, back, err)
		}
		if dec := DecodeDecimal(AppendDecimal(nil, d)); dec.String() != text {
			t.Fatalf("%q decodes as %q", text, dec)
		}
		bin, err := ParseBinary(Of(Numeric), AppendBinary(nil, Of(Numeric), d.Datum()))
		if err != nil || Format(Of(Numeric), bin, nil) != text {
			t.Fatalf("%q in binary reads back as %q, %v", text, Format(Of(Numeric), bin, nil), err)
		}
	})
}

// TestDecimalNoAlloc: the fast paths do not allocate.
func TestDecimalNoAlloc(t *testing.T) {
	a, b := AppendDecimal(nil, DecimalOfScaled(123456789, 2)), AppendDecimal(nil, DecimalOfScaled(-98765, 4))
	dst := make([]byte, 0, 128)
	n := testing.AllocsPerRun(100, func() {
		x, y := DecodeDecimal(a), DecodeDecimal(b)
		s, _ := x.Add(y)
		p, _ := s.Mul(y)
		q, _ := s.Div(y)
		dst = AppendDecimal(dst[:0], p)
		dst = q.Append(dst)
		dst = appendKeyDecimal(dst, p)
		if p.Cmp(s) > 0 {
			dst = dst[:0]
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDecimalFloat64(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := genDecimal().Draw(t, "d")
		want := parseFloatLoose(d.String())
		if got := d.Float64(); got != want && !(got == 0 && want == 0) {
			t.Fatalf("%s as a float is %v, not %v", d, got, want)
		}
	})
	if !math.IsNaN(DecimalNaN.Float64()) {
		t.Error("NaN")
	}
}

func BenchmarkDecimalAdd(b *testing.B) {
	x, y := AppendDecimal(nil, DecimalOfScaled(123456789, 2)), AppendDecimal(nil, DecimalOfScaled(98765, 2))
	var dst [32]byte
	b.ReportAllocs()
	for b.Loop() {
		s, _ := DecodeDecimal(x).Add(DecodeDecimal(y))
		AppendDecimal(dst[:0], s)
	}
}

func BenchmarkDecimalCmp(b *testing.B) {
	x, y := DecimalOfScaled(123456789, 2), DecimalOfScaled(123456789, 3)
	b.ReportAllocs()
	for b.Loop() {
		x.Cmp(y)
	}
}

func BenchmarkDecimalDiv(b *testing.B) {
	x, y := DecimalOfScaled(123456789, 2), DecimalOfScaled(98765, 2)
	b.ReportAllocs()
	for b.Loop() {
		x.Div(y)
	}
}

func BenchmarkDecimalPrint(b *testing.B) {
	x := AppendDecimal(nil, DecimalOfScaled(123456789, 2))
	var dst [32]byte
	b.ReportAllocs()
	for b.Loop() {
		AppendNumeric(dst[:0], x)
	}
}

func BenchmarkTimestampPrint(b *testing.B) {
	us, _ := ParseTimestamp("2024-01-02 03:04:05.678", nil)
	var dst [64]byte
	b.ReportAllocs()
	for b.Loop() {
		AppendTimestamp(dst[:0], us, nil)
	}
}

func BenchmarkTimestampParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		ParseTimestampTZ("2024-01-02 03:04:05.678+02", nil)
	}
}

func BenchmarkJsonbParse(b *testing.B) {
	s := `{"auction":1234,"bidder":567,"price":12.50,"channel":"Google","url":"https://example.com/a/b","tags":["a","b"]}`
	var dst []byte
	b.ReportAllocs()
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		dst, _ = AppendJsonb(dst[:0], s)
	}
}

// TestAppendProduct holds products of a decimal and an integer against Mul.
func TestAppendProduct(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	done := 0
	for range 20000 {
		d := DecimalOfScaled(rng.Int64N(1<<rng.IntN(62)+1)-rng.Int64N(1<<rng.IntN(62)+1), rng.IntN(4))
		y := (rng.Int64N(1<<rng.IntN(62)+1) - 1) * (1 - 2*rng.Int64N(2))
		want, err := d.Mul(DecimalOfInt(y))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := AppendProduct([]byte("x"), &d, y)
		if !ok {
			if string(got) != "x" {
				t.Fatalf("%s * %d left %q", d, y, got)
			}
			continue
		}
		done++
		if !bytes.Equal(got, AppendDecimal([]byte("x"), want)) {
			t.Fatalf("%s * %d: %x, want %s", d, y, got, want)
		}
	}
	if done < 5000 {
		t.Errorf("only %d products fit", done)
	}
}

// TestAppendProducts holds products of a decimal and some integers against those of
// it and each.
func TestAppendProducts(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	fits := 0
	for range 5000 {
		d := DecimalOfScaled(rng.Int64N(1<<rng.IntN(62)+1)-rng.Int64N(1<<rng.IntN(62)+1), rng.IntN(400))
		most := rng.IntN(63)
		ys, ends := make([]int64, rng.IntN(6)), make([]int32, 0, 6)
		want, all := []byte("x"), true
		for i := range ys {
			ys[i] = (rng.Int64N(1<<most+1) - 1) * (1 - 2*rng.Int64N(2))
			var ok bool
			want, ok = AppendProduct(want, &d, ys[i])
			all = all && ok
			ends = append(ends, int32(len(want)))
		}
		gotEnds := make([]int32, len(ys))
		got, ok := AppendProducts([]byte("x"), gotEnds, &d, ys)
		switch {
		case ok != all:
			t.Fatalf("%s * %v: %v, want %v", d, ys, ok, all)
		case !ok && string(got) != "x":
			t.Fatalf("%s * %v left %q", d, ys, got)
		case ok && (!bytes.Equal(got, want) || !slices.Equal(gotEnds, ends)):
			t.Fatalf("%s * %v: %x %v, want %x %v", d, ys, got, gotEnds, want, ends)
		}
		if ok && len(ys) > 0 {
			fits++
		}
	}
	if fits < 1000 {
		t.Errorf("only %d times all fit", fits)
	}
}
