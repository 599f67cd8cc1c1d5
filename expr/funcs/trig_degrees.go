package funcs

import "math"

// The functions of degrees are exact where people expect it (sind(30) = 0.5):
// arguments are reduced to the first quadrant and scaled by the value at 30, 60
// or 45 degrees, as in Postgres's float.c.

var (
	perDegree     = math.Pi / 180 // a variable: products must be rounded as at run time
	sin30         = math.Sin(30 * perDegree)
	oneMinusCos60 = 1 - math.Cos(60*perDegree)
	asin05        = math.Asin(0.5)
	acos05        = math.Acos(0.5)
	tan45         = sinFirst(45) / cosFirst(45)
	cot45         = cosFirst(45) / sinFirst(45)
)

// sin0to30 and cos0to60 are exact at both ends.
func sin0to30(x float64) float64 { return math.Sin(x*perDegree) / sin30 / 2 }

func cos0to60(x float64) float64 {
	return 1 - (1-math.Cos(x*perDegree))/oneMinusCos60/2
}

// sinFirst and cosFirst take 0 to 90 degrees.
func sinFirst(x float64) float64 {
	if x <= 30 {
		return sin0to30(x)
	}
	return cos0to60(90 - x)
}

func cosFirst(x float64) float64 {
	if x <= 60 {
		return cos0to60(x)
	}
	return sin0to30(90 - x)
}

func sinDegrees(x float64) float64 {
	x = math.Mod(x, 360)
	sign := 1.0
	if x < 0 {
		x, sign = -x, -sign
	}
	if x > 180 {
		x, sign = 360-x, -sign
	}
	if x > 90 {
		x = 180 - x
	}
	return sign * sinFirst(x)
}

func cosDegrees(x float64) float64 {
	x = math.Abs(math.Mod(x, 360))
	sign := 1.0
	if x > 180 {
		x = 360 - x
	}
	if x > 90 {
		x, sign = 180-x, -sign
	}
	return sign * cosFirst(x)
}

func asinFirst(x float64) float64 {
	if x <= 0.5 {
		return math.Asin(x) / asin05 * 30
	}
	return 90 - math.Acos(x)/acos05*60
}

func asinDegrees(x float64) float64 {
	if x < 0 {
		return -asinFirst(-x)
	}
	return asinFirst(x)
}

func acosDegrees(x float64) float64 {
	switch {
	case x < 0:
		return 90 + asinFirst(-x)
	case x <= 0.5:
		return 90 - math.Asin(x)/asin05*30
	}
	return math.Acos(x) / acos05 * 60
}
