package types

import (
	"encoding/json"
	"math"
)

// Datum is one SQL value without its type, for the places that handle single
// values: literals, parameters, defaults, catalog rows, results at the wire.
// Which member holds the value follows from the type's Layout: LBool and LInt64
// use I (false 0, true 1), LFloat64 uses F, LBytes uses S (the byte form).
// The zero Datum is the value 0/""/false, not NULL.
type Datum struct {
	Null bool
	I    int64
	F    float64
	S    string
}

// NullDatum is SQL's NULL.
var NullDatum = Datum{Null: true}

// BoolDatum makes a boolean.
func BoolDatum(b bool) Datum {
	if b {
		return Datum{I: 1}
	}
	return Datum{}
}

// IntDatum makes a value of any LInt64 type.
func IntDatum(i int64) Datum { return Datum{I: i} }

// FloatDatum makes a value of any LFloat64 type.
func FloatDatum(f float64) Datum { return Datum{F: f} }

// BytesDatum makes a value of any LBytes type from its byte form.
func BytesDatum(s string) Datum { return Datum{S: s} }

// Bool returns the value of a boolean.
func (d Datum) Bool() bool { return d.I != 0 }

type datumJSON struct {
	Null bool    `json:"null,omitempty"`
	I    int64   `json:"i,omitempty"`
	F    float64 `json:"f,omitempty"`
	S    []byte  `json:"s,omitempty"` // base64: byte forms need not be UTF-8
	Odd  string  `json:"odd,omitempty"`
}

// MarshalJSON keeps every value exactly, byte forms and non-finite floats included.
func (d Datum) MarshalJSON() ([]byte, error) {
	j := datumJSON{Null: d.Null, I: d.I, S: []byte(d.S)}
	switch {
	case d.F != d.F:
		j.Odd = "nan"
	case d.F-d.F != 0 && d.F > 0:
		j.Odd = "inf"
	case d.F-d.F != 0:
		j.Odd = "-inf"
	case d.F == 0 && math.Signbit(d.F):
		j.Odd = "-0"
	default:
		j.F = d.F
	}
	return json.Marshal(j)
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (d *Datum) UnmarshalJSON(b []byte) error {
	var j datumJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*d = Datum{Null: j.Null, I: j.I, F: j.F, S: string(j.S)}
	switch j.Odd {
	case "nan":
		d.F = math.NaN()
	case "inf":
		d.F = math.Inf(1)
	case "-inf":
		d.F = math.Inf(-1)
	case "-0":
		d.F = math.Copysign(0, -1)
	}
	return nil
}
