package aggs

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"streamdb/stream"
	"streamdb/vec"
)

// TestApproxPercentile holds the sketch's promise under insertions and
// retractions in any order, over a stored and read state: the result is within
// the relative error of the value at the rank.
func TestApproxPercentile(t *testing.T) {
	def := approxPercentiles()[0]
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.Float64Range(0, 1).Draw(t, "fraction")
		e := rapid.SampledFrom([]float64{0.001, 0.01, 0.2}).Draw(t, "error")
		s := def.New(nil).(*quantiles)
		s.args = 3
		s.Grow(1)
		var rows []float64
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			x, w := rapid.OneOf(rapid.Float64Range(-1e6, 1e6), rapid.Just(0.0), rapid.Float64Range(-1e-6, 1e-6), rapid.Float64Range(-1e-307, 1e-307)).Draw(t, "x"), stream.Insert
			if len(rows) > 0 && rapid.IntRange(0, 2).Draw(t, "retract") == 0 {
				i := rapid.IntRange(0, len(rows)-1).Draw(t, "which")
				x, w = rows[i], stream.Delete
				rows = slices.Delete(rows, i, i+1)
			} else {
				rows = append(rows, x)
			}
			args := []vec.Vec{vec.Floats([]float64{p}), vec.Floats([]float64{e}), vec.Floats([]float64{x})}
			if err := s.Update([]int32{0}, args, []stream.Op{w}, nil, 1); err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "restart") {
				stored := s.Encode(0, nil)
				s.Reset(0)
				if rest, err := s.Decode(0, stored); err != nil || len(rest) != 0 {
					t.Fatalf("decoded with %d bytes left: %v", len(rest), err)
				}
			}
		}
		out := vec.NewBuilder(def.ResultType(nil).Layout(), 1)
		if err := s.Result(nil, []int32{0}, out); err != nil {
			t.Fatal(err)
		}
		got := out.Vec()
		if len(rows) == 0 {
			if !got.Null(0) {
				t.Fatalf("%v of no rows", got.F64[0])
			}
			return
		}
		slices.Sort(rows)
		want := rows[int(math.Floor(float64(len(rows)-1)*p))]
		if math.Abs(want) < leastBucketed {
			want = 0
		}
		if math.Abs(got.F64[0]-want) > e*math.Abs(want)*(1+1e-9) {
			t.Fatalf("%v, exactly %v: off by more than %v", got.F64[0], want, e)
		}
	})
}

func TestApproxPercentileRefuses(t *testing.T) {
	for _, args := range [][]float64{{1.5, 0.01, 1}, {-0.1, 0.01, 1}, {0.5, 0, 1}, {0.5, 1, 1}} {
		s := approxPercentiles()[0].New(nil).(*quantiles)
		s.args = 3
		s.Grow(1)
		err := s.Update([]int32{0}, []vec.Vec{vec.Floats(args[:1]), vec.Floats(args[1:2]), vec.Floats(args[2:])}, nil, nil, 1)
		if err == nil {
			t.Errorf("%v was taken", args)
		}
	}
}
