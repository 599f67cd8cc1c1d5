package format

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"streamdb/connector"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

func schema(cols ...any) (s types.Schema) {
	for i := 0; i < len(cols); i += 2 {
		s = append(s, types.Column{Name: cols[i].(string), Type: types.Of(cols[i+1].(types.ID))})
	}
	return s
}

func builders(s types.Schema, cols []int) []*vec.Builder {
	out := make([]*vec.Builder, len(cols))
	for i, c := range cols {
		out[i] = vec.NewBuilder(s[c].Type.Layout(), 0)
	}
	return out
}

// decode decodes one element and prints the row, or the error's SQLSTATE.
func decode(t testing.TB, d Decoder, s types.Schema, cols []int, element string) string {
	t.Helper()
	out := builders(s, cols)
	if err := d.Decode([]byte(element), out); err != nil {
		for i, b := range out {
			if b.Len() != 0 {
				t.Errorf("%q: column %d keeps a value after an error", element, i)
			}
		}
		return sqlerr.Code(err)
	}
	var row []string
	for i, b := range out {
		if b.Len() != 1 {
			t.Fatalf("%q: column %d has %d values", element, i, b.Len())
		}
		v := b.Vec()
		if v.Null(0) {
			row = append(row, "NULL")
		} else {
			row = append(row, types.Format(s[cols[i]].Type, v.Datum(0), nil))
		}
	}
	return strings.Join(row, "|")
}

var wide = func() types.Schema {
	s := schema("i", types.Int4, "t", types.Text, "f", types.Float8, "n", types.Numeric, "b", types.Bool, "ts", types.Timestamp, "j", types.Jsonb)
	return append(s, types.Column{Name: "a", Type: types.ArrayOf(types.Of(types.Int8))})
}()

func TestJSON(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"i":1,"t":"x","f":1.5,"n":1.50,"b":true,"ts":"2024-01-02 03:04:05.6","j":{"k":[1,2]},"a":[1,null]}`,
			`1|x|1.5|1.50|t|2024-01-02 03:04:05.6|{"k": [1, 2]}|{1,NULL}`},
		{` { "a" : [ ] , "unknown" : {"x":[{"y":"}"}]} , "i" : "7" } `, `7|NULL|NULL|NULL|NULL|NULL|NULL|{}`},
		{`{}`, `NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL`},
		{`{"i":1,"i":2,"i":null}`, `NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL`},
		{`{"t":"a\"b\\\u00e9\ud83d\ude00\n"}`, "NULL|a\"b\\é😀\n|NULL|NULL|NULL|NULL|NULL|NULL"},
		{`{"t":12.50,"j":"x","n":1e2}`, `NULL|12.50|NULL|100|NULL|NULL|"x"|NULL`},
		{`{"i":1e3}`, `1000|NULL|NULL|NULL|NULL|NULL|NULL|NULL`},
		{`{"ts":1700000000}`, `NULL|NULL|NULL|NULL|NULL|2023-11-14 22:13:20|NULL|NULL`},
		{`{"ts":1700000000123}`, `NULL|NULL|NULL|NULL|NULL|2023-11-14 22:13:20.123|NULL|NULL`},
		{`{"ts":"2024-02-29T23:59:59.000001Z"}`, `NULL|NULL|NULL|NULL|NULL|2024-02-29 23:59:59.000001|NULL|NULL`},
		{`{"i":3000000000}`, "22003"},
		{`{"i":"x"}`, "22P02"},
		{`{"i":1.5}`, "22P02"},
		{`{"b":1}`, "42804"},
		{`{"ts":"2023-02-29 00:00:00"}`, "22008"},
		{`{"t":"\u0000"}`, "22P05"},
		{"{\"t\":\"\xff\"}", "22021"},
		{`[1]`, "22P02"},
		{`{"i":1`, "22P02"},
		{`{"i":1}x`, "22P02"},
		{`{"i":01}`, "22P02"},
		{`{"i":1,}`, "22P02"},
		{`{"i" 1}`, "22P02"},
		{`{"t":"\x"}`, "22P02"},
		{`{"j":{"a":}}`, "22P02"},
		{`{"a":[[1]]}`, "0A000"},
		{``, "22P02"},
		{`{"i":`, "22P02"},
	} {
		cols := []int{0, 1, 2, 3, 4, 5, 6, 7}
		if got := decode(t, NewJSON(wide, cols), wide, cols, c.in); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestJSONSubset(t *testing.T) {
	cols := []int{5, 0}
	got := decode(t, NewJSON(wide, cols), wide, cols, `{"i":1,"t":5,"f":{},"ts":"2024-01-02 00:00:00"}`)
	if want := "2024-01-02 00:00:00|1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNotNull(t *testing.T) {
	s := schema("i", types.Int4, "k", types.Int4)
	s[1].NotNull = true
	for _, in := range []string{`{"i":1}`, `{"i":1,"k":null}`} {
		if got := decode(t, NewJSON(s, []int{0, 1}), s, []int{0, 1}, in); got != "23502" {
			t.Errorf("%s: %s", in, got)
		}
	}
}

func TestCSV(t *testing.T) {
	s := schema("i", types.Int4, "t", types.Text, "n", types.Numeric)
	for _, c := range []struct{ in, want string }{
		{"1,a,2.5", "1|a|2.5"},
		{"1,,", "1|NULL|NULL"},
		{`1,"",`, "1||NULL"},
		{`1,"a,""b""",3` + "\r", `1|a,"b"|3`},
		{"1,a", "22P04"},
		{"1,a,2,3", "22P04"},
		{`1,"a,2`, "22P04"},
		{`1,"a"b,2`, "22P04"},
		{"x,a,2", "22P02"},
	} {
		cols := []int{0, 1, 2}
		if got := decode(t, NewCSV(s, cols, ','), s, cols, c.in); got != c.want {
			t.Errorf("%s: got %s, want %s", c.in, got, c.want)
		}
	}
	d := NewCSV(s, []int{2, 0, 1}, ';')
	if err := d.Header([]byte(`n;other;"i"`)); err != nil {
		t.Fatal(err)
	}
	if got := decode(t, d, s, []int{2, 0, 1}, "1.5;x;7"); got != "1.5|7|NULL" {
		t.Errorf("with header: %s", got)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		cfg  connector.Config
		want string
	}{
		{connector.Config{Format: "PLAIN", Encode: "JSON"}, ""},
		{connector.Config{Format: "PLAIN", Encode: "AVRO"}, "0A000"},
		{connector.Config{Format: "UPSERT", Encode: "JSON"}, "0A000"},
		{connector.Config{Format: "PLAIN", Encode: "CSV", EncodeOptions: map[string]string{"delimiter": "::"}}, "22023"},
		{connector.Config{Format: "PLAIN", Encode: "CSV", EncodeOptions: map[string]string{"delimeter": ";"}}, "22023"},
	} {
		if got := sqlerr.Code(Check(c.cfg)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.cfg, got, c.want)
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"i":1,"t":"x","j":{"a":[1,"\u00e9"]}}`, `{"a":[1,2],"f":-1e-5}`, `{"t":"\\"}`, `{"j":[}`} {
		f.Add([]byte(s))
	}
	cols := []int{0, 1, 2, 3, 4, 5, 6, 7}
	one := schema("j", types.Jsonb)
	f.Fuzz(func(t *testing.T, in []byte) {
		decode(t, NewJSON(wide, cols), wide, cols, string(in))
		var object map[string]json.RawMessage
		if !utf8.Valid(in) || strings.Contains(string(in), `\u`) || json.Unmarshal(in, &object) != nil || object == nil {
			return
		}
		out := builders(one, []int{0})
		if err := NewJSON(one, []int{0}).Decode(in, out); err != nil && !strings.Contains(err.Error(), "out of range") && !strings.Contains(err.Error(), "overflow") {
			t.Errorf("%q is JSON, but: %v", in, err)
		}
	})
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte(`1,"a""b",2.5`))
	s := schema("i", types.Int4, "t", types.Text, "n", types.Numeric)
	f.Fuzz(func(t *testing.T, in []byte) {
		cols := []int{2, 1}
		decode(t, NewCSV(s, cols, ','), s, cols, string(in))
	})
}

func BenchmarkJSONBid(b *testing.B) {
	s := schema("auction", types.Int8, "bidder", types.Int8, "price", types.Int8, "channel", types.Text, "url", types.Text, "date_time", types.Timestamp, "extra", types.Text)
	line := []byte(fmt.Sprintf(`{"auction":%d,"bidder":%d,"price":%d,"channel":"channel-1234","url":"https://www.nexmark.com/abcd/efgh/ijkl/item.htm?query=1&channel_id=123456","date_time":"2024-01-02 03:04:05.678","extra":%q}`, 1234567, 7654321, 1234567, strings.Repeat("x", 68)))
	cols := []int{0, 1, 2, 3, 4, 5, 6}
	d := NewJSON(s, cols)
	out := builders(s, cols)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%4096 == 0 {
			for _, x := range out {
				x.Bool, x.I64, x.Data = x.Bool[:0], x.I64[:0], x.Data[:0]
				x.Off = x.Off[:min(1, len(x.Off))]
			}
		}
		if err := d.Decode(line, out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
