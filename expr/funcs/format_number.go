package funcs

import (
	"strconv"
	"strings"

	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// numberFormat is a parsed numeric template of to_char and to_number.
type numberFormat struct {
	items               []numberItem
	pre, post           int // digit positions before and after the point
	zeroFrom            int // first digit position (from 0) that prints zeros; -1: none
	fill, minus, plus   bool
	pr, exponent, roman bool
	sign                bool // an S, or MI PL SG: the sign is not before the number
	scale               int  // digits after V
}

// numberItem is one piece: 9 0 . , S M(I) P(L) G (SG) T(H) L, or " for text.
type numberItem struct {
	kind byte
	text string
}

func errNumberFormat(what string) error {
	return sqlerr.New(sqlerr.SyntaxError, "%s", what)
}

// parseNumberFormat reads a template.
func parseNumberFormat(s string) (*numberFormat, error) {
	f := &numberFormat{zeroFrom: -1}
	point, v := false, false
	for s != "" {
		if s[0] == '"' {
			end := strings.IndexByte(s[1:], '"')
			if end < 0 {
				end = len(s) - 1
			}
			f.items = append(f.items, numberItem{'"', s[1 : 1+end]})
			s = s[min(end+2, len(s)):]
			continue
		}
		up := strings.ToUpper(s)
		take := func(kind byte, n int) {
			f.items = append(f.items, numberItem{kind: kind, text: s[:n]})
			s = s[n:]
		}
		switch {
		case strings.HasPrefix(up, "EEEE"):
			f.exponent = true
			s = s[4:]
		case strings.HasPrefix(up, "FM"):
			f.fill = true
			s = s[2:]
		case strings.HasPrefix(up, "MI"):
			f.minus, f.sign = true, true
			take('M', 2)
		case strings.HasPrefix(up, "PL"):
			f.plus = true
			take('P', 2)
		case strings.HasPrefix(up, "SG"):
			f.sign = true
			take('s', 2)
		case strings.HasPrefix(up, "PR"):
			f.pr, f.sign = true, true
			s = s[2:]
		case strings.HasPrefix(up, "RN"):
			f.roman = true
			s = s[2:]
		case strings.HasPrefix(up, "TH"):
			take('T', 2)
		case up[0] == 'S':
			f.sign = true
			take('S', 1)
		case up[0] == 'V':
			if point {
				return nil, errNumberFormat("\"V\" cannot be used together with a decimal point")
			}
			v = true
			s = s[1:]
		case up[0] == '.' || up[0] == 'D':
			if point {
				return nil, errNumberFormat("multiple decimal points")
			}
			point = true
			take('.', 1)
		case up[0] == ',' || up[0] == 'G':
			take(',', 1)
		case up[0] == 'L':
			take('L', 1)
		case up[0] == '9' || up[0] == '0':
			switch {
			case point:
				f.post++
			default:
				if up[0] == '0' && f.zeroFrom < 0 {
					f.zeroFrom = f.pre
				}
				f.pre++
				if v {
					f.scale++
				}
			}
			take(up[0], 1)
		default:
			take('"', 1)
		}
	}
	return f, nil
}

// formatNumber prints a numeric by the template.
func (f *numberFormat) formatNumber(d types.Decimal) (string, error) {
	if f.roman {
		return f.romanText(d)
	}
	if f.exponent {
		return f.exponentText(d), nil
	}
	neg := d.Sign() < 0
	ints, frac := "", ""
	if d.IsNaN() {
		if f.fill {
			return "NaN", nil
		}
		return " NaN", nil
	}
	if !d.IsFinite() {
		return f.lay(strings.Repeat("#", f.pre), strings.Repeat("#", f.post), neg, false), nil
	}
	if f.scale > 0 {
		p, err := d.Mul(types.DecimalOfInt(pow10i(f.scale)))
		if err != nil {
			return "", err
		}
		d = p
	}
	d = d.Round(f.post).Abs()
	neg = neg && !d.IsZero()
	ints, frac, _ = strings.Cut(d.String(), ".")
	if ints == "0" {
		ints = ""
	}
	if len(ints) > f.pre {
		return f.lay(strings.Repeat("#", f.pre), strings.Repeat("#", f.post), neg, false), nil
	}
	return f.lay(ints, frac, neg, ints == ""), nil
}

func pow10i(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// lay puts the digits into the template.
func (f *numberFormat) lay(ints, frac string, neg, zero bool) string {
	start := f.pre - len(ints) // first position with a digit
	if f.zeroFrom >= 0 {
		start = min(start, f.zeroFrom)
	}
	if zero && f.post == 0 && f.pre > 0 {
		start = min(start, f.pre-1) // 0 prints as 0
	}
	padded := strings.Repeat("0", f.pre-len(ints)) + ints
	keep := len(frac) // in FM mode trailing zeros at 9 are dropped
	if f.fill {
		last0 := -1
		at := 0
		point := false
		for _, it := range f.items {
			switch {
			case it.kind == '.':
				point = true
			case point && (it.kind == '9' || it.kind == '0'):
				if it.kind == '0' {
					last0 = at
				}
				at++
			}
		}
		for keep > last0+1 && frac[keep-1] == '0' {
			keep--
		}
	}
	if zero && f.fill && keep == 0 && f.post > 0 && f.pre > 0 {
		start = min(start, f.pre-1) // 0. rather than a lone point
	}
	sign := byte(' ')
	if neg {
		sign = '-'
	}
	var b strings.Builder
	signDone := f.sign
	putSign := func() {
		if !signDone {
			signDone = true
			if sign == '-' || !f.fill {
				b.WriteByte(sign)
			}
		}
	}
	open, closing := "", ""
	if f.pr {
		open, closing = " ", " "
		if neg {
			open, closing = "<", ">"
		}
		if f.fill && !neg {
			open, closing = "", ""
		}
	}
	putOpen := func() {
		b.WriteString(open)
		open = ""
	}
	leadingS := f.leadingS()
	pos, fpos := 0, 0
	point := false
	for _, it := range f.items {
		switch it.kind {
		case '9', '0':
			if point {
				if fpos < keep {
					b.WriteByte(frac[fpos])
				} else if !f.fill {
					b.WriteByte('0')
				}
				fpos++
				continue
			}
			if pos < start {
				if !f.fill {
					b.WriteByte(' ')
				}
			} else {
				if pos == start {
					putSign()
					putOpen()
					if leadingS {
						b.WriteByte(plusMinus(neg))
					}
				}
				b.WriteByte(padded[pos])
			}
			pos++
			if pos == f.pre && start >= f.pre { // no digit before the point
				putSign()
				putOpen()
				if leadingS {
					b.WriteByte(plusMinus(neg))
				}
			}
		case '.':
			if f.pre == 0 {
				putSign()
				putOpen()
			}
			point = true
			b.WriteByte('.')
		case ',':
			if pos > start {
				b.WriteByte(',')
			} else if !f.fill {
				b.WriteByte(' ')
			}
		case 'S':
			if !leadingS {
				b.WriteByte(plusMinus(neg))
			}
			leadingS = leadingS && pos == 0
		case 's':
			b.WriteByte(plusMinus(neg))
		case 'M':
			if neg {
				b.WriteByte('-')
			} else if !f.fill {
				b.WriteByte(' ')
			}
		case 'P':
			if !neg {
				b.WriteByte('+')
			} else if !f.fill {
				b.WriteByte(' ')
			}
		case 'T':
			if !neg && f.post == 0 {
				b.WriteString(ordinal(padded[max(0, len(padded)-2):], it.text == "TH"))
			}
		case 'L':
			b.WriteByte(' ')
		default:
			b.WriteString(it.text)
		}
	}
	b.WriteString(closing)
	return b.String()
}

// leadingS reports whether an S comes before the digits.
func (f *numberFormat) leadingS() bool {
	for _, it := range f.items {
		switch it.kind {
		case 'S':
			return true
		case '9', '0':
			return false
		}
	}
	return false
}

func plusMinus(neg bool) byte {
	if neg {
		return '-'
	}
	return '+'
}

func (f *numberFormat) exponentText(d types.Decimal) string {
	x := d.Float64()
	s := strconv.FormatFloat(x, 'e', f.post, 64)
	if x >= 0 && !f.fill {
		s = " " + s
	}
	return s
}

func (f *numberFormat) romanText(d types.Decimal) (string, error) {
	n, err := d.Round(0).ToInt64()
	s := ""
	if err != nil || n < 1 || n > 3999 {
		s = strings.Repeat("#", 15)
	} else {
		for _, r := range []struct {
			v int64
			s string
		}{{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"}, {40, "XL"}, {10, "X"}, {9, "IX"}, {5, "V"}, {4, "IV"}, {1, "I"}} {
			for n >= r.v {
				s += r.s
				n -= r.v
			}
		}
	}
	if !f.fill && len(s) < 15 {
		s = strings.Repeat(" ", 15-len(s)) + s
	}
	return s, nil
}

// parseNumber is to_number: digits, sign and point of s where the template has
// places for them.
func (f *numberFormat) parseNumber(s string) (types.Decimal, error) {
	var out []byte
	neg, point := false, false
	digitsBefore, digitsAfter := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '-' || c == '<':
			neg = true
		case c == '.' && f.post > 0 && !point:
			point = true
			out = append(out, '.')
		case c >= '0' && c <= '9':
			if point && digitsAfter < f.post {
				digitsAfter++
				out = append(out, c)
			} else if !point && digitsBefore < f.pre {
				digitsBefore++
				out = append(out, c)
			}
		}
	}
	if digitsBefore+digitsAfter == 0 {
		return types.Decimal{}, sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type %s: \"%s\"", "numeric", " ")
	}
	d, err := types.ParseDecimal(string(out))
	if neg {
		d = d.Neg()
	}
	return d, err
}
