package funcs

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestDivisor holds division by multiplication against the machine's.
func TestDivisor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edge := rapid.SampledFrom([]uint64{2, 3, 7, 10, 641, 1 << 31, 1<<32 + 1, 1<<62 - 1, 1 << 62, math.MaxInt64})
		by := rapid.OneOf(edge, rapid.Uint64Range(2, math.MaxInt64)).Draw(t, "by")
		k := rapid.Uint64Range(0, math.MaxInt64/by).Draw(t, "k")
		any := rapid.OneOf(edge, rapid.Uint64Range(0, math.MaxInt64)).Draw(t, "x")
		d := divisorOf(by)
		for _, x := range []uint64{0, 1, by - 1, by, k * by, k*by - min(1, k), any, math.MaxInt64} {
			if q, r := d.quotient(x), d.remainder(x); q != x/by || r != x%by {
				t.Fatalf("%d by %d: %d rest %d, want %d rest %d", x, by, q, r, x/by, x%by)
			}
		}
	})
}
