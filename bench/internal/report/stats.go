package report

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Median is the value in the middle, of an even number the mean of the two; 0
// of none.
func Median(s []float64) float64 { return Percentile(s, 0.5) }

// Percentile is the value below which the part p (0 to 1) of the values lies,
// with straight lines between them; 0 of none.
func Percentile(s []float64, p float64) float64 {
	if len(s) == 0 {
		return 0
	}
	s = slices.Clone(s)
	slices.Sort(s)
	at := p * float64(len(s)-1)
	lo := int(math.Floor(at))
	hi := min(lo+1, len(s)-1)
	return s[lo] + (at-float64(lo))*(s[hi]-s[lo])
}

// Mean is the arithmetic mean; 0 of none.
func Mean(s []float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sum := 0.0
	for _, x := range s {
		sum += x
	}
	return sum / float64(len(s))
}

// Trimmed is the mean of the middle half of the values, which outliers on either
// side do not move (the interquartile mean); 0 of none.
func Trimmed(s []float64) float64 {
	s = slices.Clone(s)
	slices.Sort(s)
	cut := len(s) / 4
	return Mean(s[cut : len(s)-cut])
}

// Bootstrap is the interval in which of lies with 95 % confidence, given a
// sample of independent values (Efron's percentile method, 4,000 resamples,
// always the same ones).
func Bootstrap(s []float64, of func([]float64) float64) (lo, hi float64) {
	if len(s) == 0 {
		return math.Inf(-1), math.Inf(1)
	}
	r := rand.New(rand.NewPCG(1, 2))
	again, stats := make([]float64, len(s)), make([]float64, 4000)
	for i := range stats {
		for j := range again {
			again[j] = s[r.IntN(len(s))]
		}
		stats[i] = of(again)
	}
	return Percentile(stats, 0.025), Percentile(stats, 0.975)
}
