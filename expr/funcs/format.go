package funcs

import (
	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/types"
)

// dateFormats and numberFormats keep the last format's parsed form for a batch.
type dateFormats struct {
	text string
	pats []datePattern
}

func (c *dateFormats) get(s string) []datePattern {
	if c.pats == nil || c.text != s {
		c.text = string([]byte(s))
		c.pats = parseDateFormat(c.text)
	}
	return c.pats
}

type numberFormats struct {
	text string
	f    *numberFormat
}

func (c *numberFormats) get(s string) (*numberFormat, error) {
	if c.f == nil || c.text != s {
		text := string([]byte(s))
		f, err := parseNumberFormat(text)
		if err != nil {
			return nil, err
		}
		c.text, c.f = text, f
	}
	return c.f, nil
}

// numberToChar makes to_char of a number type.
func numberToChar[A any](t id, of func(x A) types.Decimal) *expr.Def {
	return fn("to_char", ids{t, tText}, tText, kernel.M2(func(*expr.CallCtx) func(A, string) (string, error) {
		var cache numberFormats
		return func(x A, format string) (string, error) {
			f, err := cache.get(format)
			if err != nil {
				return "", err
			}
			return f.formatNumber(of(x))
		}
	}), "Text by a format")
}

// formatFuncs lists to_char, to_date, to_timestamp and to_number.
func formatFuncs() []*expr.Def {
	readTimestamp := kernel.M2(func(c *expr.CallCtx) func(s, format string) (int64, error) {
		var cache dateFormats
		loc := location(c)
		return func(s, format string) (int64, error) {
			d, err := readDate(cache.get(format), s)
			if err != nil {
				return 0, err
			}
			return d.timestamp(s, loc)
		}
	})
	readDay := kernel.M2(func(*expr.CallCtx) func(s, format string) (int64, error) {
		var cache dateFormats
		return func(s, format string) (int64, error) {
			d, err := readDate(cache.get(format), s)
			if err != nil {
				return 0, err
			}
			return d.date(s)
		}
	})
	readNumber := kernel.M2(func(*expr.CallCtx) func(s, format string) (types.Decimal, error) {
		var cache numberFormats
		return func(s, format string) (types.Decimal, error) {
			f, err := cache.get(format)
			if err != nil {
				return types.Decimal{}, err
			}
			return f.parseNumber(s)
		}
	})
	spanToChar := kernel.M2(func(*expr.CallCtx) func(v span, format string) (string, error) {
		var cache dateFormats
		return func(v span, format string) (string, error) {
			if format == "" {
				return "", kernel.Null
			}
			return formatDate(cache.get(format), fieldsOfSpan(v))
		}
	})
	return []*expr.Def{
		fn("to_char", ids{tTS, tText}, tText, timeToChar(false), "Text by a format"),
		stable(fn("to_char", ids{tTZ, tText}, tText, timeToChar(true), "Text by a format")),
		fn("to_char", ids{tIv, tText}, tText, spanToChar, "Text by a format"),
		numberToChar(tI4, types.DecimalOfInt), numberToChar(tI8, types.DecimalOfInt),
		numberToChar(tNum, func(d types.Decimal) types.Decimal { return d }),
		numberToChar(tF4, func(x float64) types.Decimal { return types.DecimalOfFloat(tF4, x) }),
		numberToChar(tF8, func(x float64) types.Decimal { return types.DecimalOfFloat(tF8, x) }),
		stable(fn("to_timestamp", ids{tText, tText}, tTZ, readTimestamp, "Instant read by a format")),
		fn("to_date", ids{tText, tText}, tDate, readDay, "Date read by a format"),
		fn("to_number", ids{tText, tText}, tNum, readNumber, "Number read by a format"),
	}
}
