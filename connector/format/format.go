package format

import (
	"sort"
	"strings"
	"unsafe"

	"streamdb/connector"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// Decoder appends elements to columns. It is used by one goroutine.
type Decoder interface {
	// Decode appends one row: a value to every builder, or, with an error, none.
	Decode(element []byte, out []*vec.Builder) error
}

// New makes the decoder that FORMAT PLAIN ENCODE .. asks for. cols are the
// columns to fill, by position in the schema; builders come in that order.
func New(cfg connector.Config, cols []int) (Decoder, error) {
	if err := Check(cfg); err != nil {
		return nil, err
	}
	switch cfg.Encode {
	case "JSON":
		return NewJSON(cfg.Schema, cols), nil
	case "CSV":
		delimiter, err := csvDelimiter(cfg.EncodeOptions)
		if err != nil {
			return nil, err
		}
		return NewCSV(cfg.Schema, cols, delimiter), nil
	}
	return nil, sqlerr.Unsupported("ENCODE %s", cfg.Encode)
}

var encodeOptions = map[string][]string{
	"JSON": {},
	"CSV":  {"delimiter", "without_header"},
}

// Check validates the encoding and its options.
func Check(cfg connector.Config) error {
	if cfg.Format != "PLAIN" {
		return sqlerr.Unsupported("FORMAT %s", cfg.Format)
	}
	known, ok := encodeOptions[cfg.Encode]
	if !ok {
		return sqlerr.Unsupported("ENCODE %s", cfg.Encode)
	}
	names := make([]string, 0, len(cfg.EncodeOptions))
	for name := range cfg.EncodeOptions {
		names = append(names, name)
	}
	sort.Strings(names)
next:
	for _, name := range names {
		for _, k := range known {
			if k == name {
				continue next
			}
		}
		e := sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized option %q of ENCODE %s", name, cfg.Encode)
		if len(known) > 0 {
			return e.WithHint("Known options: %s.", strings.Join(known, ", "))
		}
		return e
	}
	if cfg.Encode == "CSV" {
		_, err := csvDelimiter(cfg.EncodeOptions)
		return err
	}
	return nil
}

// HasHeader reports whether the first line of a CSV file names its columns:
// without_header = 'false'. The default is that there is none.
func HasHeader(cfg connector.Config) bool {
	if cfg.Encode != "CSV" {
		return false
	}
	text, ok := cfg.EncodeOptions["without_header"]
	return ok && strings.EqualFold(text, "false")
}

func csvDelimiter(options map[string]string) (byte, error) {
	text, ok := options["delimiter"]
	switch {
	case !ok:
		return ',', nil
	case text == `\t` || strings.EqualFold(text, "tab"):
		return '\t', nil
	case len(text) == 1 && text[0] != '"' && text[0] != '\n' && text[0] != '\r':
		return text[0], nil
	}
	return 0, sqlerr.New(sqlerr.InvalidParameterValue, "CSV delimiter must be a single one-byte character, not %q", text)
}

// column is a wanted column.
type column struct {
	name    string
	t       types.T
	layout  types.Layout
	notNull bool
}

func columnsOf(s types.Schema, cols []int) []column {
	out := make([]column, len(cols))
	for i, c := range cols {
		out[i] = column{s[c].Name, s[c].Type, s[c].Type.Layout(), s[c].NotNull}
	}
	return out
}

// appendNull appends a NULL where the column allows it.
func (c *column) appendNull(b *vec.Builder) error {
	if c.notNull {
		return sqlerr.New(sqlerr.NotNullViolation, "null value in column %q violates not-null constraint", c.name)
	}
	b.AppendNull()
	return nil
}

// appendText appends a value from its SQL text form.
func (c *column) appendText(b *vec.Builder, text []byte) error {
	err := AppendText(b, c.t, text, nil)
	if err != nil && c.t.ID == types.Text {
		if e := validText(text); e != nil { // a source's own words for it
			return e
		}
	}
	return err
}

// AppendText appends the value that a text stands for in a column of a type, as
// types.ParseText reads it; the usual forms of the usual types have a way of their own.
func AppendText(b *vec.Builder, t types.T, text []byte, env *types.Env) error {
	if t.Mod == 0 {
		switch t.ID {
		case types.Text:
			if validText(text) == nil {
				b.AppendBytes(text)
				return nil
			}
		case types.Int8, types.Int4, types.Int2:
			if x, ok := parseInt(text); ok && fits(t.ID, x) {
				b.AppendInt(x)
				return nil
			}
		case types.Timestamp:
			if us, ok := parseTimestamp(text); ok {
				b.AppendInt(us)
				return nil
			}
		}
	}
	d, err := types.ParseText(t, viewString(text), env)
	if err != nil {
		return err
	}
	b.AppendDatum(d)
	return nil
}

// viewString views bytes as a string that does not outlive the call.
func viewString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// fits reports whether x is in the range of an integer type.
func fits(id types.ID, x int64) bool {
	switch id {
	case types.Int2:
		return x == int64(int16(x))
	case types.Int4:
		return x == int64(int32(x))
	}
	return true
}

// parseInt reads a plain decimal integer of at most 18 digits.
func parseInt(b []byte) (int64, bool) {
	i, neg := 0, false
	if len(b) > 0 && b[0] == '-' {
		i, neg = 1, true
	}
	if len(b) == i || len(b) > i+18 {
		return 0, false
	}
	x := int64(0)
	for ; i < len(b); i++ {
		d := b[i] - '0'
		if d > 9 {
			return 0, false
		}
		x = x*10 + int64(d)
	}
	if neg {
		x = -x
	}
	return x, true
}

// parseTimestamp reads YYYY-MM-DD HH:MM:SS[.ffffff] (or with T), the form that
// almost all sources use; microseconds since 1970.
func parseTimestamp(b []byte) (int64, bool) {
	if len(b) < 19 || len(b) > 26 || len(b) == 20 || b[4] != '-' || b[7] != '-' || b[10] != ' ' && b[10] != 'T' || b[13] != ':' || b[16] != ':' {
		return 0, false
	}
	bad := false
	two := func(i int) int64 {
		hi, lo := b[i]-'0', b[i+1]-'0'
		bad = bad || hi > 9 || lo > 9
		return int64(hi)*10 + int64(lo)
	}
	y, mo, d := two(0)*100+two(2), two(5), two(8)
	h, mi, s := two(11), two(14), two(17)
	us := int64(0)
	if len(b) > 19 {
		if b[19] != '.' {
			return 0, false
		}
		scale := int64(100_000)
		for _, c := range b[20:] {
			if c-'0' > 9 {
				return 0, false
			}
			us += int64(c-'0') * scale
			scale /= 10
		}
	}
	// Days past 28, leap seconds and hour 24 are left to the full parser.
	if bad || y == 0 || mo < 1 || mo > 12 || d < 1 || d > 28 || h > 23 || mi > 59 || s > 59 {
		return 0, false
	}
	return ((types.DaysFromCivil(y, mo, d)*24+h)*60+mi)*60_000_000 + s*1_000_000 + us, true
}

// rollback takes back values appended beyond n rows.
func rollback(out []*vec.Builder, n int) {
	for _, b := range out {
		if b.Len() <= n {
			continue
		}
		switch b.Layout {
		case types.LBool:
			b.Bool = b.Bool[:n]
		case types.LInt64:
			b.I64 = b.I64[:n]
		case types.LFloat64:
			b.F64 = b.F64[:n]
		default:
			b.Off = b.Off[:n+1]
			b.Data = b.Data[:b.Off[n]]
		}
	}
}
