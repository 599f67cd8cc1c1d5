package format

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// JSON decodes objects whose members are columns: a scanner that knows the
// schema writes values straight into the builders. Members may come in any
// order, those that no column is named after are passed over, missing ones are
// NULL; of a repeated member the last one counts.
type JSON struct {
	cols    []column
	byName  map[string]int
	seen    []int // by column: the row number, plus one, of the last row that had it
	row     int
	scratch []byte
	parser  fastjson.Parser
}

// NewJSON makes a decoder for the columns cols of the schema.
func NewJSON(s types.Schema, cols []int) *JSON {
	j := &JSON{cols: columnsOf(s, cols), byName: map[string]int{}, seen: make([]int, len(cols))}
	for i := range j.cols {
		j.byName[j.cols[i].name] = i
	}
	return j
}

func badJSON(detail string) error {
	return sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type json").WithDetail("%s", detail)
}

// Decode appends the object's members.
func (j *JSON) Decode(element []byte, out []*vec.Builder) error {
	n := 0
	if len(out) > 0 {
		n = out[0].Len()
	}
	err := j.object(element, out, n)
	if err != nil {
		rollback(out, n)
	}
	return err
}

// kinds of JSON values.
const (
	jsonString = iota
	jsonEscaped
	jsonNumber
	jsonTrue
	jsonFalse
	jsonNull
	jsonNested
)

func (j *JSON) object(b []byte, out []*vec.Builder, n int) error {
	j.row++
	p := space(b, 0)
	if p >= len(b) || b[p] != '{' {
		return badJSON("The element is not an object.")
	}
	guess := 0 // members usually come in the same order
	p = space(b, p+1)
	for first := true; ; first = false {
		if p >= len(b) {
			return badJSON("The object does not end.")
		}
		if b[p] == '}' && first {
			break
		}
		if b[p] != '"' {
			return badJSON("A member's name was expected.")
		}
		from, to, next, escaped, ok := scanString(b, p)
		if !ok {
			return badJSON("A string does not end.")
		}
		name := b[from:to]
		if escaped {
			var err error
			if name, err = unescape(nil, name); err != nil {
				return err
			}
		}
		col := -1
		if guess < len(j.cols) && string(name) == j.cols[guess].name {
			col = guess
		} else if c, ok := j.byName[string(name)]; ok {
			col = c
		}
		p = space(b, next)
		if p >= len(b) || b[p] != ':' {
			return badJSON("A colon was expected.")
		}
		p = space(b, p+1)
		kind, from, to, next := scanValue(b, p)
		if kind < 0 {
			return badJSON("A value was expected.")
		}
		if col >= 0 {
			guess = col + 1
			if j.seen[col] == j.row {
				rollback(out[col:col+1], n)
			}
			j.seen[col] = j.row
			if err := j.value(&j.cols[col], out[col], kind, b[from:to]); err != nil {
				return err
			}
		}
		p = space(b, next)
		if p < len(b) && b[p] == ',' {
			p = space(b, p+1)
			continue
		}
		if p < len(b) && b[p] == '}' {
			break
		}
		return badJSON("A comma or the end of the object was expected.")
	}
	if p = space(b, p+1); p != len(b) {
		return badJSON("There is something behind the object.")
	}
	for c := range j.cols {
		if j.seen[c] != j.row {
			if err := j.cols[c].appendNull(out[c]); err != nil {
				return err
			}
		}
	}
	return nil
}

func space(b []byte, p int) int {
	for p < len(b) && (b[p] == ' ' || b[p] == '\n' || b[p] == '\t' || b[p] == '\r') {
		p++
	}
	return p
}

// scanString reads the string that begins at b[p]; from and to are its inside.
func scanString(b []byte, p int) (from, to, next int, escaped, ok bool) {
	from = p + 1
	for i := from; i < len(b); i++ {
		i += plain(b[i:])
		if i == len(b) {
			break
		}
		switch b[i] {
		case '"':
			return from, i, i + 1, escaped, true
		case '\\':
			escaped = true
			i++
		default: // a control character
			return 0, 0, 0, false, false
		}
	}
	return 0, 0, 0, false, false
}

// scanValue reads the value that begins at b[p]; kind -1: there is none.
func scanValue(b []byte, p int) (kind, from, to, next int) {
	if p >= len(b) {
		return -1, 0, 0, 0
	}
	switch c := b[p]; {
	case c == '"':
		from, to, next, escaped, ok := scanString(b, p)
		switch {
		case !ok:
			return -1, 0, 0, 0
		case escaped:
			return jsonEscaped, from, to, next
		}
		return jsonString, from, to, next
	case c == '-' || c-'0' <= 9:
		i := p + 1
		for i < len(b) && (b[i]-'0' <= 9 || b[i] == '.' || b[i] == 'e' || b[i] == 'E' || b[i] == '+' || b[i] == '-') {
			i++
		}
		if !validNumber(b[p:i]) {
			return -1, 0, 0, 0
		}
		return jsonNumber, p, i, i
	case c == 't' && len(b) >= p+4 && string(b[p:p+4]) == "true":
		return jsonTrue, p, p + 4, p + 4
	case c == 'f' && len(b) >= p+5 && string(b[p:p+5]) == "false":
		return jsonFalse, p, p + 5, p + 5
	case c == 'n' && len(b) >= p+4 && string(b[p:p+4]) == "null":
		return jsonNull, p, p + 4, p + 4
	case c == '{' || c == '[':
		end := nested(b, p)
		if end < 0 {
			return -1, 0, 0, 0
		}
		return jsonNested, p, end, end
	}
	return -1, 0, 0, 0
}

// validNumber checks JSON's grammar of numbers, which is narrower than SQL's.
func validNumber(b []byte) bool {
	i := 0
	digits := func() bool {
		from := i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		return i > from
	}
	if b[0] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return false
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return false
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(b)
}

// nested finds the end of the object or array that begins at b[p]; its inside
// is checked by whoever reads it.
func nested(b []byte, p int) int {
	depth := 0
	for i := p; i < len(b); i++ {
		switch b[i] {
		case '"':
			_, _, next, _, ok := scanString(b, i)
			if !ok {
				return -1
			}
			i = next - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// value appends one value to a column. raw is the inside of strings, and the
// text of everything else.
func (j *JSON) value(c *column, b *vec.Builder, kind int, raw []byte) error {
	if kind == jsonNull {
		return c.appendNull(b)
	}
	if c.t.ID == types.Jsonb {
		return j.jsonb(b, kind, raw)
	}
	if kind == jsonEscaped {
		var err error
		if j.scratch, err = unescape(j.scratch[:0], raw); err != nil {
			return err
		}
		kind, raw = jsonString, j.scratch
	}
	switch kind {
	case jsonString:
		return c.appendText(b, raw)
	case jsonNumber:
		return c.number(b, raw)
	case jsonTrue, jsonFalse:
		if c.t.ID == types.Bool {
			b.AppendBool(kind == jsonTrue)
			return nil
		}
		if c.t.ID == types.Text {
			b.AppendBytes(raw)
			return nil
		}
		return c.mismatch("a boolean")
	}
	if c.t.ID == types.Text {
		b.AppendBytes(raw)
		return nil
	}
	v, err := j.parser.ParseBytes(raw)
	if err != nil {
		return badJSON(err.Error())
	}
	d, err := datumOf(c.t, v)
	if err != nil {
		return err
	}
	b.AppendDatum(d)
	return nil
}

func (c *column) mismatch(what string) error {
	return sqlerr.New(sqlerr.DatatypeMismatch, "column %q is of type %s but the value is %s", c.name, c.t, what)
}

// jsonb appends the value itself.
func (j *JSON) jsonb(b *vec.Builder, kind int, raw []byte) error {
	if kind == jsonString || kind == jsonEscaped {
		j.scratch = append(append(append(j.scratch[:0], '"'), raw...), '"')
		raw = j.scratch
	}
	x, err := types.ParseJsonb(viewString(raw))
	if err != nil {
		return err
	}
	b.AppendBytes(x)
	return nil
}

// number appends a JSON number.
func (c *column) number(b *vec.Builder, raw []byte) error {
	switch c.t.ID {
	case types.Int2, types.Int4, types.Int8:
		if x, ok := parseInt(raw); ok && fits(c.t.ID, x) {
			b.AppendInt(x)
			return nil
		}
		if f, err := strconv.ParseFloat(viewString(raw), 64); err == nil && f == float64(int64(f)) && f > -1e15 && f < 1e15 && fits(c.t.ID, int64(f)) {
			b.AppendInt(int64(f)) // 1e3, 5.0
			return nil
		}
	case types.Float8:
		f, err := strconv.ParseFloat(viewString(raw), 64)
		if err == nil {
			b.AppendFloat(f)
			return nil
		}
	case types.Date:
		if x, ok := parseInt(raw); ok && types.DateInRange(x) { // days since 1970
			b.AppendInt(x)
			return nil
		}
		return c.mismatch("a number")
	case types.Timestamp, types.TimestampTZ:
		if x, ok := parseInt(raw); ok {
			b.AppendInt(epochMicros(x))
			return nil
		}
		if f, err := strconv.ParseFloat(viewString(raw), 64); err == nil && f > -1e11 && f < 1e11 { // seconds
			b.AppendInt(int64(f * 1e6))
			return nil
		}
		return c.mismatch("a number")
	case types.Bool, types.Time, types.Interval, types.Bytea:
		return c.mismatch("a number")
	}
	return c.appendText(b, raw)
}

// epochMicros guesses the unit of a time since 1970 by its size, as RisingWave
// does: seconds, milliseconds, microseconds or nanoseconds.
func epochMicros(x int64) int64 {
	switch a := max(x, -x); {
	case a < 1e11:
		return x * 1_000_000
	case a < 1e14:
		return x * 1000
	case a < 1e17:
		return x
	}
	return x / 1000
}

// unescape appends the characters of a JSON string's inside.
func unescape(dst, raw []byte) ([]byte, error) {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			continue
		}
		i++
		switch raw[i] {
		case '"', '\\', '/':
			dst = append(dst, raw[i])
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, ok := hex4(raw, i+1)
			if !ok {
				return nil, badJSON(`"\u" must be followed by four hexadecimal digits.`)
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if i+2 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
					low, ok = hex4(raw, i+3)
				}
				if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
					return nil, badJSON("Unicode low surrogate must follow a high surrogate.")
				}
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return nil, badJSON("Escape sequence is invalid.")
		}
	}
	return dst, nil
}

func hex4(b []byte, at int) (rune, bool) {
	if at+4 > len(b) {
		return 0, false
	}
	x, err := strconv.ParseUint(string(b[at:at+4]), 16, 32)
	return rune(x), err == nil
}
