package funcs

import (
	"math"

	"streamdb/internal/sqlerr"
)

// gammaFloat is Postgres 18's gamma(): poles and -Infinity overflow.
func gammaFloat(x float64) (float64, error) {
	if math.IsNaN(x) || math.IsInf(x, 1) {
		return x, nil
	}
	switch y := math.Gamma(x); {
	case math.IsNaN(y), math.IsInf(y, 0):
		return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: overflow")
	case y == 0:
		return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: underflow")
	default:
		return y, nil
	}
}

// lgammaFloat is the logarithm of |gamma(x)|, Postgres 18's lgamma().
func lgammaFloat(x float64) (float64, error) {
	if math.IsInf(x, 0) {
		return math.Inf(1), nil
	}
	y, _ := math.Lgamma(x)
	if math.IsInf(y, 0) {
		return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: overflow")
	}
	return y, nil
}
