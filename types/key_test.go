package types

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// samples are texts of values by type, NULL excluded; pairs of them drive the
// laws of order, hash and round trip.
var samples = map[ID][]string{
	Bool:        {"t", "f"},
	Int8:        {"0", "1", "-1", "9223372036854775807", "-9223372036854775808"},
	Float8:      {"0", "-0", "1.5", "-1.5", "NaN", "Infinity", "-Infinity", "5e-324"},
	Numeric:     {"0", "0.00", "1", "1.0", "-1", "10", "100", "0.1", "0.01", "-0.01", "99", "9.9", "NaN", "Infinity", "-Infinity", "123456789012345678901234567890", "1e-20", "-1e50"},
	Text:        {"", "a", "ab", "b", "a b", "é"},
	Bytea:       {`\x`, `\x00`, `\x0001`, `\x00ff`, `\x01`, `\xff`},
	Date:        {"2024-01-02", "infinity", "-infinity", "1969-12-31"},
	Timestamp:   {"2024-01-02 03:04:05", "infinity", "-infinity"},
	Interval:    {"0", "1 day", "24:00", "1 mon", "30 days", "-1 mon", "1 us", "-1 us", "178000000 years"},
	Jsonb:       {"null", "1", "1.0", `"a"`, "[]", "[1]", "{}", `{"a":1}`, "true", `"a\u0001"`},
	Bpchar:      {"a", "a ", "ab", ""},
	Char:        {"", "a"},
	Int2Vector:  {"", "1 2", "1"},
	TimestampTZ: {"2024-01-02 03:04:05+02"},
	Time:        {"00:00", "24:00"},
}

func sampleArrays() map[string][]string {
	return map[string][]string{
		"int4[]":    {"{}", "{1}", "{1,2}", "{NULL}", "{1,NULL}", "{{1,2}}", "{{1},{2}}", "{-1}"},
		"text[]":    {"{}", `{""}`, "{a}", "{a,b}", "{NULL}"},
		"numeric[]": {"{1}", "{1.0}", "{2,NULL}"},
		"bool[]":    {"{t,f}", "{NULL,t}"},
		"float8[]":  {"{1.5,NaN}", "{-0}", "{0}"},
	}
}

func eachType(t *testing.T, fn func(t *testing.T, typ T, vals []Datum)) {
	for id, texts := range samples {
		runSamples(t, Of(id), texts, fn)
	}
	for name, texts := range sampleArrays() {
		typ, _ := Lookup(name)
		runSamples(t, typ, texts, fn)
	}
	rec := T{ID: Record, Fields: []Field{{"a", Of(Int4)}, {"b", Of(Text)}, {"c", Of(Numeric)}}}
	runSamples(t, rec, []string{"(1,a,1.0)", "(1,a,1)", "(,,)", `(2,"a b",)`, `(1,"",2)`, `(1,"x""y\\",2)`}, fn)
}

func runSamples(t *testing.T, typ T, texts []string, fn func(t *testing.T, typ T, vals []Datum)) {
	t.Run(typ.Typname(), func(t *testing.T) {
		vals := make([]Datum, len(texts))
		for i, s := range texts {
			d, err := ParseText(typ, s, nil)
			if err != nil {
				t.Fatal(err)
			}
			vals[i] = d
		}
		fn(t, typ, vals)
	})
}

// TestTextBinaryKeyRoundTrip: text, binary, JSON and key forms read back.
func TestTextBinaryKeyRoundTrip(t *testing.T) {
	eachType(t, func(t *testing.T, typ T, vals []Datum) {
		for _, d := range vals {
			text := Format(typ, d, nil)
			back, err := ParseText(typ, text, nil)
			if err != nil || Compare(typ, back, d) != 0 || Format(typ, back, nil) != text {
				t.Errorf("text %q reads back as %q, %v", text, Format(typ, back, nil), err)
			}
			back, err = ParseBinary(typ, AppendBinary(nil, typ, d))
			if err != nil || Format(typ, back, nil) != text {
				t.Errorf("binary of %q reads back as %q, %v", text, Format(typ, back, nil), err)
			}
			js, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			var fromJSON Datum
			if err := json.Unmarshal(js, &fromJSON); err != nil || Format(typ, fromJSON, nil) != text {
				t.Errorf("JSON of %q reads back as %q, %v", text, Format(typ, fromJSON, nil), err)
			}
			for _, desc := range []bool{false, true} {
				key := AppendKey(nil, typ, d, desc, false)
				back, rest, err := decodeKey(typ, append(key, "rest"...), desc)
				if err != nil || string(rest) != "rest" || Compare(typ, back, d) != 0 {
					t.Errorf("key of %q reads back as %q, rest %q, %v", text, Format(typ, back, nil), rest, err)
				}
			}
		}
	})
}

// checkOrder is the law of keys: their byte order is the order of the values.
func checkOrder(t interface{ Errorf(string, ...any) }, typ T, a, b Datum) {
	want := Compare(typ, a, b)
	if got := -Compare(typ, b, a); got != want {
		t.Errorf("%s: Compare is not antisymmetric for %s and %s", typ, Format(typ, a, nil), Format(typ, b, nil))
	}
	for _, desc := range []bool{false, true} {
		ka, kb := AppendKey(nil, typ, a, desc, false), AppendKey(nil, typ, b, desc, false)
		got := bytes.Compare(ka, kb)
		if desc {
			got = -got
		}
		if got != want {
			t.Errorf("%s (desc %v): keys of %s and %s compare %d, values %d", typ, desc, Format(typ, a, nil), Format(typ, b, nil), got, want)
		}
		// A key is never a prefix of another: keys of several columns stay in order.
		if want != 0 && (bytes.HasPrefix(ka, kb) || bytes.HasPrefix(kb, ka)) {
			t.Errorf("%s: a key of %s and %s is a prefix of the other", typ, Format(typ, a, nil), Format(typ, b, nil))
		}
	}
}

func TestKeyOrder(t *testing.T) {
	eachType(t, func(t *testing.T, typ T, vals []Datum) {
		for _, a := range vals {
			for _, b := range vals {
				checkOrder(t, typ, a, b)
			}
			null := AppendKey(nil, typ, NullDatum, false, true)
			if key := AppendKey(nil, typ, a, true, true); bytes.Compare(null, key) >= 0 {
				t.Errorf("NULL first is not below %x", key)
			}
			null = AppendKey(nil, typ, NullDatum, false, false)
			if key := AppendKey(nil, typ, a, true, false); bytes.Compare(null, key) <= 0 {
				t.Errorf("NULL last is not above %x", key)
			}
		}
	})
}

func genDecimal() *rapid.Generator[Decimal] {
	return rapid.Custom(func(t *rapid.T) Decimal {
		s := rapid.StringMatching(`-?[0-9]{1,45}(\.[0-9]{0,30})?`).Draw(t, "numeric")
		d, err := ParseDecimal(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
}

func TestKeyOrderRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkOrder(t, Of(Numeric), genDecimal().Draw(t, "a").Datum(), genDecimal().Draw(t, "b").Datum())
		checkOrder(t, Of(Int8), IntDatum(rapid.Int64().Draw(t, "i")), IntDatum(rapid.Int64().Draw(t, "j")))
		checkOrder(t, Of(Float8), FloatDatum(rapid.Float64().Draw(t, "f")), FloatDatum(rapid.Float64().Draw(t, "g")))
		genSpan := rapid.Custom(func(t *rapid.T) Datum {
			return Span{rapid.Int32().Draw(t, "m"), rapid.Int32().Draw(t, "d"), rapid.Int64().Draw(t, "us")}.Datum()
		})
		checkOrder(t, Of(Interval), genSpan.Draw(t, "x"), genSpan.Draw(t, "y"))
	})
}

// FuzzKeyOrder drives the law of keys with raw bytes for every layout of bytes.
func FuzzKeyOrder(f *testing.F) {
	f.Add([]byte("a\x00b"), []byte("a"))
	f.Add([]byte("1.50"), []byte("1.5"))
	f.Add([]byte(`{"a":[1,null]}`), []byte(`[]`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		checkOrder(t, Of(Bytea), Datum{S: string(a)}, Datum{S: string(b)})
		for _, id := range []ID{Numeric, Jsonb, Interval, Text, Bpchar} {
			x, err1 := ParseText(Of(id), string(a), nil)
			y, err2 := ParseText(Of(id), string(b), nil)
			if err1 == nil && err2 == nil {
				checkOrder(t, Of(id), x, y)
			}
		}
	})
}

// FuzzParse: no text makes a parser panic, and what is accepted prints to a fixpoint.
func FuzzParse(f *testing.F) {
	for _, texts := range samples {
		for _, s := range texts {
			f.Add(s)
		}
	}
	f.Add("P1Y2M3DT4H5M6S")
	f.Add("Jan 2 03:04:05 2024 EST")
	f.Fuzz(func(t *testing.T, s string) {
		for id := range samples {
			typ := Of(id)
			d, err := ParseText(typ, s, nil)
			if err != nil {
				continue
			}
			text := Format(typ, d, nil)
			back, err := ParseText(typ, text, nil)
			if err != nil {
				t.Fatalf("%s: %q prints as %q: %v", typ, s, text, err)
			}
			if again := Format(typ, back, nil); again != text && !strings.Contains(strings.ToLower(s), "now") {
				t.Fatalf("%s: %q prints as %q and then %q", typ, s, text, again)
			}
		}
		for name := range sampleArrays() {
			typ, _ := Lookup(name)
			if d, err := ParseText(typ, s, nil); err == nil {
				if _, err := ParseText(typ, Format(typ, d, nil), nil); err != nil {
					t.Fatalf("%s: %q: %v", typ, s, err)
				}
			}
		}
	})
}

func TestFloatKeyBits(t *testing.T) {
	if FloatKeyBits(math.Copysign(0, -1)) != FloatKeyBits(0) {
		t.Error("-0 and 0 have different keys")
	}
	if FloatKeyBits(math.Float64frombits(0xfff8000000000001)) != math.MaxUint64 {
		t.Error("a negative NaN is not the largest")
	}
	if FloatKeyBits(math.Inf(1)) >= FloatKeyBits(math.NaN()) {
		t.Error("NaN is not above infinity")
	}
}
