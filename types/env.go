package types

import "time"

// Env is what the text form of values depends on: the session's settings. A nil
// *Env and the zero Env are Postgres's defaults in UTC (DateStyle ISO, MDY;
// extra_float_digits 1; bytea_output hex; IntervalStyle postgres).
type Env struct {
	TimeZone      *time.Location // nil: UTC
	Now           time.Time      // for 'now', 'today' ..; zero: the clock
	DateStyle     DateStyle
	DateOrder     DateOrder
	IntervalStyle IntervalStyle
	ByteaEscape   bool // bytea_output = escape
	RoundFloats   bool // extra_float_digits <= 0: print 15+ExtraFloatDigits (real: 6+) significant digits
	ExtraFloat    int  // extra_float_digits, read only with RoundFloats

	// RegIn resolves a name given for a reg* type ("my_table"::regclass) to its
	// OID; nil: only numbers are understood. RegOut is the inverse; nil, or ""
	// returned: the number is printed.
	RegIn  func(t T, name string) (int64, error)
	RegOut func(t T, oid int64) string
}

// DateStyle is how dates and timestamps print.
type DateStyle uint8

// The date styles.
const (
	DateISO DateStyle = iota
	DateSQL
	DatePostgres
	DateGerman
)

// DateOrder is how ambiguous dates (1/2/2024) are read.
type DateOrder uint8

// The date orders.
const (
	OrderMDY DateOrder = iota
	OrderDMY
	OrderYMD
)

// IntervalStyle is how intervals print.
type IntervalStyle uint8

// The interval styles.
const (
	IntervalPostgres IntervalStyle = iota
	IntervalPostgresVerbose
	IntervalSQLStandard
	IntervalISO8601
)

// defaultEnv stands in for nil.
var defaultEnv Env

func (e *Env) orDefault() *Env {
	if e == nil {
		return &defaultEnv
	}
	return e
}

// location is the session's time zone.
func (e *Env) location() *time.Location {
	if e == nil || e.TimeZone == nil {
		return time.UTC
	}
	return e.TimeZone
}

// now is the statement's time.
func (e *Env) now() time.Time {
	if e == nil || e.Now.IsZero() {
		return time.Now()
	}
	return e.Now
}
