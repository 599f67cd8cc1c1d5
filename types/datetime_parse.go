package types

import (
	"strings"
	"time"

	"streamdb/internal/sqlerr"
)

// dateTimeParts is an understood date and time.
type dateTimeParts struct {
	year, month, day int64
	tod              int64 // microseconds since midnight
	hasOffset        bool
	offset           int64          // seconds east of UTC
	zone             *time.Location // a named zone
	special          int            // specialEpoch, specialPosInf, specialNegInf; others are resolved
	hasDate, hasTime bool
	instant          int64 // with special == specialNow: the instant
}

// specialStamp is the value of infinity and epoch.
func (p *dateTimeParts) specialStamp() (int64, bool) {
	switch p.special {
	case specialPosInf:
		return PosInfinity, true
	case specialNegInf:
		return NegInfinity, true
	case specialEpoch:
		return 0, true
	}
	return 0, false
}

// dtErr says what is wrong; see dateTimeError.
type dtErr int

const (
	dtOK dtErr = iota
	dtBadFormat
	dtFieldOverflow
	dtMonthDayOverflow
	dtIntervalOverflow
	dtZoneOverflow
)

// dateTimeError is Postgres's DateTimeParseError.
func dateTimeError(e dtErr, s, typ string) error {
	switch e {
	case dtFieldOverflow:
		return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", s)
	case dtMonthDayOverflow:
		return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", s).
			WithHint("Perhaps you need a different \"datestyle\" setting.")
	case dtIntervalOverflow:
		return sqlerr.New(sqlerr.IntervalFieldOverflow, "interval field value out of range: \"%s\"", s)
	case dtZoneOverflow:
		return sqlerr.New(sqlerr.InvalidTimeZoneDisplacement, "time zone displacement out of range: \"%s\"", s)
	}
	return sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid input syntax for type %s: \"%s\"", typ, s)
}

// Fields already seen while decoding.
const (
	mYear = 1 << iota
	mMonth
	mDay
	mTime
	mTZ
	mDOW
	mDST
	mEra
	mAMPM
	mDoy
	mDate = mYear | mMonth | mDay
)

// dtDecoder follows Postgres's DecodeDateTime: fields in any sensible order.
type dtDecoder struct {
	p          dateTimeParts
	mask       int
	order      DateOrder
	env        *Env
	is2digits  bool
	bc         bool
	ampm       int // 0 none, 1 am, 2 pm
	textMonth  bool
	prefix     byte // unit letter before a number: j, t ..
	hour, min  int64
	usec       int64 // seconds of the time with fraction, in us
	zoneErr    error
	year, m, d int64
}

func decodeDateTime(s string, env *Env, typ string) (*dateTimeParts, error) {
	fields, ok := scanDateTime(s)
	if !ok || len(fields) == 0 {
		return nil, dateTimeError(dtBadFormat, s, typ)
	}
	d := &dtDecoder{env: env.orDefault()}
	d.order = d.env.DateOrder
	if e := d.run(fields); e != dtOK {
		if d.zoneErr != nil {
			return nil, d.zoneErr
		}
		return nil, dateTimeError(e, s, typ)
	}
	if e := d.finish(true); e != dtOK {
		return nil, dateTimeError(e, s, typ)
	}
	return &d.p, nil
}

// decodeTimeOnly reads a time of day; a date beside it is read and dropped.
func decodeTimeOnly(s string, env *Env) (*dateTimeParts, error) {
	fields, ok := scanDateTime(s)
	if !ok || len(fields) == 0 {
		return nil, dateTimeError(dtBadFormat, s, "time")
	}
	d := &dtDecoder{env: env.orDefault()}
	d.order = d.env.DateOrder
	if len(fields) == 1 || fields[0].kind == fNumber {
		// A leading number without colons is hhmm or hhmmss here, not a date.
		if f := fields[0]; f.kind == fNumber && len(strings.SplitN(f.text, ".", 2)[0]) >= 4 && len(strings.SplitN(f.text, ".", 2)[0]) <= 6 {
			d.mask |= mDate
			d.year, d.m, d.d = 2000, 1, 1
		}
	}
	if e := d.run(fields); e != dtOK {
		if d.zoneErr != nil {
			return nil, d.zoneErr
		}
		return nil, dateTimeError(e, s, "time")
	}
	if d.p.special == specialPosInf || d.p.special == specialNegInf || d.p.special == specialEpoch || d.mask&mTime == 0 && d.p.special == 0 {
		return nil, dateTimeError(dtBadFormat, s, "time")
	}
	if d.p.zone != nil && d.mask&mDate != mDate { // its offset depends on the day
		return nil, dateTimeError(dtBadFormat, s, "time")
	}
	if e := d.finish(false); e != dtOK {
		return nil, dateTimeError(e, s, "time")
	}
	return &d.p, nil
}

func (d *dtDecoder) run(fields []dtField) dtErr {
	for i := 0; i < len(fields); i++ {
		f := fields[i]
		var e dtErr
		switch f.kind {
		case fDate:
			e = d.dateField(f.text)
		case fTime:
			if d.mask&mTime != 0 {
				return dtBadFormat
			}
			if d.prefix != 0 {
				if d.prefix != 't' {
					return dtBadFormat
				}
				d.prefix = 0
			}
			e = d.timeField(f.text)
		case fTZ:
			e = d.offsetField(f.text)
		case fNumber:
			e = d.numberField(f.text)
		default:
			e = d.word(f.text, i, fields)
		}
		if e != dtOK {
			return e
		}
	}
	return dtOK
}

func (d *dtDecoder) set(bit int) dtErr {
	if d.mask&bit != 0 {
		return dtBadFormat
	}
	d.mask |= bit
	return dtOK
}

// finish checks ranges and joins the fields: Postgres's ValidateDate.
func (d *dtDecoder) finish(needDate bool) dtErr {
	if d.p.special != specialNone {
		return dtOK
	}
	if d.prefix != 0 {
		return dtBadFormat
	}
	if needDate && d.mask&mDate != mDate {
		return dtBadFormat
	}
	if d.mask&mDate == mDate && needDate {
		if d.mask&mYear != 0 {
			switch {
			case d.bc:
				if d.year <= 0 {
					return dtFieldOverflow
				}
				d.year = 1 - d.year
			case d.is2digits:
				if d.year < 70 {
					d.year += 2000
				} else if d.year < 100 {
					d.year += 1900
				}
			case d.year <= 0 && !d.wasSpecial():
				return dtFieldOverflow
			}
		}
		if d.mask&mDoy != 0 {
			limit := int64(365)
			if isLeap(d.year) {
				limit = 366
			}
			if d.d > limit {
				return dtFieldOverflow
			}
			d.year, d.m, d.d = CivilFromDays(DaysFromCivil(d.year, 1, d.d))
		}
		if d.m < 1 || d.m > 12 {
			return dtMonthDayOverflow
		}
		if d.d < 1 || d.d > 31 {
			return dtMonthDayOverflow
		}
		if d.d > daysInMonth(d.year, d.m) {
			return dtFieldOverflow
		}
	}
	if d.ampm != 0 {
		if d.hour > 12 {
			return dtFieldOverflow
		}
		if d.ampm == 1 && d.hour == 12 {
			d.hour = 0
		} else if d.ampm == 2 && d.hour != 12 {
			d.hour += 12
		}
	}
	tod := d.hour*Hour + d.min*Minute + d.usec
	if d.hour > 24 || tod > Day {
		return dtFieldOverflow
	}
	d.p.year, d.p.month, d.p.day, d.p.tod = d.year, d.m, d.d, tod
	d.p.hasDate, d.p.hasTime = d.mask&mDate == mDate, d.mask&mTime != 0
	return dtOK
}

// wasSpecial reports whether the date came from a julian day, which may be BC already.
func (d *dtDecoder) wasSpecial() bool { return d.year < 0 }
