package types

import (
	"fmt"
	"strconv"
	"strings"
)

func dec(s string) Decimal {
	d, err := ParseDecimal(s)
	if err != nil {
		panic(err)
	}
	return d
}

func span(s string) Span {
	v, err := ParseInterval(s, nil)
	if err != nil {
		panic(err)
	}
	return v
}

func stamp(s string) int64 {
	v, err := ParseTimestamp(s, nil)
	if err != nil {
		panic(err)
	}
	return v
}

func (g *goldenRun) instant(s string) int64 {
	v, err := ParseTimestampTZ(s, &g.env)
	if err != nil {
		panic(err)
	}
	return v
}

// ints reads arguments as integers, 0 where they are none.
func ints(a []string) []int64 {
	out := make([]int64, len(a))
	for i, s := range a {
		out[i], _ = strconv.ParseInt(s, 10, 64)
	}
	return out
}

func typeOf(name string) T {
	base, mods, has := strings.Cut(strings.TrimSuffix(name, "[]"), "(")
	t, ok := Lookup(base)
	if strings.HasPrefix(name, "interval ") {
		t, _ = IntervalOf(strings.TrimPrefix(name, "interval "), -1)
		return t
	}
	if !ok {
		panic("type " + name)
	}
	if has {
		var args []int64
		for _, m := range strings.Split(strings.TrimSuffix(mods, ")"), ",") {
			n, _ := strconv.ParseInt(m, 10, 64)
			args = append(args, n)
		}
		var err error
		if t, err = t.WithMod(args); err != nil {
			panic(err)
		}
	}
	if strings.HasSuffix(name, "[]") {
		t = ArrayOf(t)
	}
	return t
}

func num2(sql string, f func(a, b Decimal) (Decimal, error)) goldenFunc {
	return goldenFunc{"select " + sql, func(_ *goldenRun, a []string) (string, error) {
		d, err := f(dec(a[0]), dec(a[1]))
		return d.String(), err
	}}
}

func num1(sql string, f func(a Decimal) (Decimal, error)) goldenFunc {
	return goldenFunc{"select " + sql, func(_ *goldenRun, a []string) (string, error) {
		d, err := f(dec(a[0]))
		return d.String(), err
	}}
}

func (g *goldenRun) ts(us int64, err error) (string, error) {
	return string(AppendTimestamp(nil, us, &g.env)), err
}

func (g *goldenRun) tstz(us int64, err error) (string, error) {
	return string(AppendTimestampTZ(nil, us, &g.env)), err
}

func (g *goldenRun) iv(v Span, err error) (string, error) {
	return string(AppendInterval(nil, v, &g.env)), err
}

func partString(d Decimal, null bool, err error) (string, error) {
	if null {
		return "NULL", err
	}
	return d.String(), err
}

var goldenFuncs = map[string]goldenFunc{
	"in": {"select %2::$1", func(g *goldenRun, a []string) (string, error) {
		t := typeOf(a[0])
		plain := t
		if t.ID == Text || t.ID == Bpchar {
			plain.Mod = 0
		}
		d, err := ParseText(plain, a[1], &g.env)
		if err == nil {
			d, err = ApplyMod(t, d, true)
		}
		if err != nil {
			return "", err
		}
		return Format(t, d, &g.env), nil
	}},
	"cmp": {"select case when %2::$1 < %3::$1 then -1 when %2::$1 = %3::$1 then 0 else 1 end", func(g *goldenRun, a []string) (string, error) {
		t := typeOf(a[0])
		x, err := ParseText(t, a[1], &g.env)
		if err != nil {
			return "", err
		}
		y, err := ParseText(t, a[2], &g.env)
		if err != nil {
			return "", err
		}
		c := Compare(t, x, y)
		kx, ky := AppendKey(nil, t, x, false, false), AppendKey(nil, t, y, false, false)
		if k := strings.Compare(string(kx), string(ky)); k != c {
			return fmt.Sprintf("Compare %d, keys %d", c, k), nil
		}
		kx, ky = AppendKey(nil, t, x, true, false), AppendKey(nil, t, y, true, false)
		if k := strings.Compare(string(kx), string(ky)); k != -c {
			return fmt.Sprintf("Compare %d, descending keys %d", c, k), nil
		}
		return strconv.Itoa(c), nil
	}},
	"send": {"select case when true then encode($1send(%2::$1), 'hex') end", func(g *goldenRun, a []string) (string, error) {
		t := typeOf(a[0])
		d, err := ParseText(t, a[1], &g.env)
		if err != nil {
			return "", err
		}
		return binaryRoundTrip(t, d)
	}},
	"_send": {"select encode($1_send(%2::$1), 'hex')", func(g *goldenRun, a []string) (string, error) {
		t := typeOf(a[0])
		d, err := ParseText(t, a[1], &g.env)
		if err != nil {
			return "", err
		}
		return binaryRoundTrip(t, d)
	}},
	"array_send": {"select encode(array_send(%2::$1), 'hex')", func(g *goldenRun, a []string) (string, error) {
		t := typeOf(a[0])
		d, err := ParseText(t, a[1], &g.env)
		if err != nil {
			return "", err
		}
		return binaryRoundTrip(t, d)
	}},
	"+":     num2("%1::numeric + %2::numeric", Decimal.Add),
	"-":     num2("%1::numeric - %2::numeric", Decimal.Sub),
	"*":     num2("%1::numeric * %2::numeric", Decimal.Mul),
	"/":     num2("%1::numeric / %2::numeric", Decimal.Div),
	"%":     num2("%1::numeric %% %2::numeric", Decimal.Mod),
	"div":   num2("div(%1::numeric, %2::numeric)", Decimal.DivTrunc),
	"pow":   num2("%1::numeric ^ %2::numeric", Decimal.Pow),
	"log":   num2("log(%1::numeric, %2::numeric)", func(a, b Decimal) (Decimal, error) { return b.Log(a) }),
	"sqrt":  num1("sqrt(%1::numeric)", Decimal.Sqrt),
	"exp":   num1("exp(%1::numeric)", Decimal.Exp),
	"ln":    num1("ln(%1::numeric)", Decimal.Ln),
	"log10": num1("log(%1::numeric)", Decimal.Log10),
	"ceil":  num1("ceil(%1::numeric)", func(d Decimal) (Decimal, error) { return d.Ceil(), nil }),
	"floor": num1("floor(%1::numeric)", func(d Decimal) (Decimal, error) { return d.Floor(), nil }),
	"trim":  num1("trim_scale(%1::numeric)", func(d Decimal) (Decimal, error) { return d.TrimScale(), nil }),
	"round": {"select round(%1::numeric, %2::int)", func(_ *goldenRun, a []string) (string, error) {
		n, _ := strconv.Atoi(a[1])
		return dec(a[0]).Round(n).String(), nil
	}},
	"trunc": {"select trunc(%1::numeric, %2::int)", func(_ *goldenRun, a []string) (string, error) {
		n, _ := strconv.Atoi(a[1])
		return dec(a[0]).Trunc(n).String(), nil
	}},
	"numeric->": {"select %2::numeric::$1", func(_ *goldenRun, a []string) (string, error) {
		t := typeOf(a[0])
		if t.IsFloat() {
			f, err := dec(a[1]).ToFloat(t.ID)
			return string(AppendFloat(nil, t.ID, f, nil)), err
		}
		i, err := dec(a[1]).ToInt(t.ID)
		return strconv.FormatInt(i, 10), err
	}},
	"->numeric": {"select %2::$1::numeric", func(_ *goldenRun, a []string) (string, error) {
		t := typeOf(a[0])
		f, err := ParseFloat(t.ID, a[1])
		return DecimalOfFloat(t.ID, f).String(), err
	}},
	"float->": {"select %2::float8::$1", func(_ *goldenRun, a []string) (string, error) {
		f, err := ParseFloat(Float8, a[1])
		if err != nil {
			return "", err
		}
		t := typeOf(a[0])
		if t.ID == Float4 {
			f, err = ToFloat4(f)
			return string(AppendFloat(nil, Float4, f, nil)), err
		}
		i, err := FloatToInt(t.ID, f)
		return strconv.FormatInt(i, 10), err
	}},
	"ts+": {"select %1::timestamp + %2::interval", func(g *goldenRun, a []string) (string, error) {
		return g.ts(TimestampAdd(stamp(a[0]), span(a[1])))
	}},
	"tstz+": {"select %1::timestamptz + %2::interval", func(g *goldenRun, a []string) (string, error) {
		return g.tstz(TimestampTZAdd(g.instant(a[0]), span(a[1]), g.env.TimeZone))
	}},
	"ts-": {"select %1::timestamp - %2::timestamp", func(g *goldenRun, a []string) (string, error) {
		return g.iv(TimestampSub(stamp(a[0]), stamp(a[1])))
	}},
	"age": {"select age(%1::timestamp, %2::timestamp)", func(g *goldenRun, a []string) (string, error) {
		return g.iv(Age(stamp(a[0]), stamp(a[1])))
	}},
	"agetz": {"select age(%1::timestamptz, %2::timestamptz)", func(g *goldenRun, a []string) (string, error) {
		return g.iv(AgeTZ(g.instant(a[0]), g.instant(a[1]), g.env.TimeZone))
	}},
	"bin": {"select date_bin(%1::interval, %2::timestamp, %3::timestamp)", func(g *goldenRun, a []string) (string, error) {
		return g.ts(DateBin(span(a[0]), stamp(a[1]), stamp(a[2])))
	}},
	"iv+": {"select %1::interval + %2::interval", func(g *goldenRun, a []string) (string, error) { return g.iv(span(a[0]).Add(span(a[1]))) }},
	"iv-": {"select %1::interval - %2::interval", func(g *goldenRun, a []string) (string, error) { return g.iv(span(a[0]).Sub(span(a[1]))) }},
	"iv*": {"select %1::interval * %2::float8", func(g *goldenRun, a []string) (string, error) {
		f, _ := strconv.ParseFloat(a[1], 64)
		return g.iv(span(a[0]).Mul(f))
	}},
	"iv/": {"select %1::interval / %2::float8", func(g *goldenRun, a []string) (string, error) {
		f, _ := strconv.ParseFloat(a[1], 64)
		return g.iv(span(a[0]).Div(f))
	}},
	"jhours": {"select justify_hours(%1::interval)", func(g *goldenRun, a []string) (string, error) { return g.iv(span(a[0]).JustifyHours()) }},
	"jdays":  {"select justify_days(%1::interval)", func(g *goldenRun, a []string) (string, error) { return g.iv(span(a[0]).JustifyDays()) }},
	"jint":   {"select justify_interval(%1::interval)", func(g *goldenRun, a []string) (string, error) { return g.iv(span(a[0]).JustifyInterval()) }},
	"xts": {"select coalesce(extract($1 from %2::timestamp)::text, 'NULL')", func(g *goldenRun, a []string) (string, error) {
		return partString(ExtractTimestamp(ParseUnit(a[0]), a[0], stamp(a[1])))
	}},
	"xtstz": {"select coalesce(extract($1 from %2::timestamptz)::text, 'NULL')", func(g *goldenRun, a []string) (string, error) {
		return partString(ExtractTimestampTZ(ParseUnit(a[0]), a[0], g.instant(a[1]), g.env.TimeZone))
	}},
	"xdate": {"select coalesce(extract($1 from %2::date)::text, 'NULL')", func(g *goldenRun, a []string) (string, error) {
		d, err := ParseDate(a[1], nil)
		if err != nil {
			return "", err
		}
		return partString(ExtractDate(ParseUnit(a[0]), a[0], d))
	}},
	"xtime": {"select extract($1 from %2::time)", func(g *goldenRun, a []string) (string, error) {
		us, _ := ParseTime(a[1], nil)
		d, err := ExtractTime(ParseUnit(a[0]), a[0], us)
		return d.String(), err
	}},
	"xiv": {"select extract($1 from %2::interval)", func(g *goldenRun, a []string) (string, error) {
		d, err := ExtractInterval(ParseUnit(a[0]), a[0], span(a[1]))
		return d.String(), err
	}},
	"truncts": {"select date_trunc(%1, %2::timestamp)", func(g *goldenRun, a []string) (string, error) {
		return g.ts(TruncTimestamp(ParseUnit(a[0]), a[0], stamp(a[1])))
	}},
	"trunctstz": {"select date_trunc(%1, %2::timestamptz)", func(g *goldenRun, a []string) (string, error) {
		return g.tstz(TruncTimestampTZ(ParseUnit(a[0]), a[0], g.instant(a[1]), g.env.TimeZone))
	}},
	"trunciv": {"select date_trunc(%1, %2::interval)", func(g *goldenRun, a []string) (string, error) {
		return g.iv(TruncInterval(ParseUnit(a[0]), a[0], span(a[1])))
	}},
	"attz": {"select %2::timestamp at time zone %1", func(g *goldenRun, a []string) (string, error) {
		loc, err := ZoneOf(a[0])
		if err != nil {
			return "", err
		}
		return g.tstz(LocalToUTC(loc, stamp(a[1])), nil)
	}},
	"format_type": {"select format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'golden_t'::regclass and attnum > 0", func(g *goldenRun, a []string) (string, error) {
		return typeOf(a[0]).String(), nil
	}},
	"typmod": {"select atttypid || ' ' || atttypmod from pg_attribute where attrelid = 'golden_t'::regclass and attnum > 0", func(g *goldenRun, a []string) (string, error) {
		t := typeOf(a[0])
		if back, ok := OfTypmod(t.OID(), t.Typmod()); !ok || back.String() != t.String() {
			return "OfTypmod gives " + back.String(), nil
		}
		return fmt.Sprintf("%d %d", t.OID(), t.Typmod()), nil
	}},
	"j->": {"select coalesce((%1::jsonb -> %2)::text, 'none')", func(g *goldenRun, a []string) (string, error) {
		b, err := ParseJsonb(a[0])
		v, ok := JsonbField(b, a[1])
		if err != nil || !ok {
			return "none", err
		}
		return string(v), nil
	}},
	"j->>": {"select coalesce(%1::jsonb ->> %2, 'none')", func(g *goldenRun, a []string) (string, error) {
		b, err := ParseJsonb(a[0])
		v, ok := JsonbField(b, a[1])
		if err != nil || !ok {
			return "none", err
		}
		text, null := JsonbAppendText(nil, v)
		if null {
			return "none", nil
		}
		return string(text), nil
	}},
	"j#": {"select coalesce((%1::jsonb -> $2)::text, 'none')", func(g *goldenRun, a []string) (string, error) {
		b, err := ParseJsonb(a[0])
		i, _ := strconv.ParseInt(a[1], 10, 64)
		v, ok := JsonbIndex(b, i)
		if err != nil || !ok {
			return "none", err
		}
		return string(v), nil
	}},
	"jtype": {"select jsonb_typeof(%1::jsonb)", func(g *goldenRun, a []string) (string, error) {
		b, err := ParseJsonb(a[0])
		return JsonbKind(b).String(), err
	}},
	"jobj": {"select jsonb_build_object(%1::text, %2::jsonb, %3::text, %4::jsonb, 'k', jsonb_build_array(%2::jsonb, %4::jsonb, to_jsonb(%1::text)))", func(g *goldenRun, a []string) (string, error) {
		x, _ := ParseJsonb(a[1])
		y, _ := ParseJsonb(a[3])
		arr := AppendJsonArray(nil, [][]byte{x, y, AppendJsonString(nil, a[0])})
		return string(AppendJsonObject(nil, []JsonPair{{a[0], x}, {a[2], y}, {"k", arr}})), nil
	}},
	"makedate": {"select make_date($1, $2, $3)", func(g *goldenRun, a []string) (string, error) {
		d, err := MakeDate(ints(a)[0], ints(a)[1], ints(a)[2])
		return string(AppendDate(nil, d, nil)), err
	}},
	"maketime": {"select make_time($1, $2, $3)", func(g *goldenRun, a []string) (string, error) {
		f, _ := strconv.ParseFloat(a[2], 64)
		us, err := MakeTime(ints(a)[0], ints(a)[1], f)
		return string(AppendTime(nil, us)), err
	}},
	"makets": {"select make_timestamp($1, $2, $3, $4, $5, $6)", func(g *goldenRun, a []string) (string, error) {
		f, _ := strconv.ParseFloat(a[5], 64)
		n := ints(a)
		return g.ts(MakeTimestamp(n[0], n[1], n[2], n[3], n[4], f))
	}},
	"makeiv": {"select make_interval($1, $2, $3, $4, $5, $6, $7)", func(g *goldenRun, a []string) (string, error) {
		f, _ := strconv.ParseFloat(a[6], 64)
		n := ints(a)
		return g.iv(MakeInterval(n[0], n[1], n[2], n[3], n[4], n[5], f))
	}},
	"time+": {"select %1::time + %2::interval", func(g *goldenRun, a []string) (string, error) {
		us, err := ParseTime(a[0], nil)
		return string(AppendTime(nil, TimeAdd(us, span(a[1])))), err
	}},
	"rowcmp": {"select row(%1::int, %2::text) < row(%3::int, %4::text)", func(g *goldenRun, a []string) (string, error) {
		rec := T{ID: Record, Fields: []Field{{"a", Of(Int4)}, {"b", Of(Text)}}}
		n := ints(a)
		x := EncodeRecord(rec, []Datum{IntDatum(n[0]), BytesDatum(a[1])})
		y := EncodeRecord(rec, []Datum{IntDatum(n[2]), BytesDatum(a[3])})
		return string(AppendBool(nil, Compare(rec, x, y) < 0)), nil
	}},
	"row": {"select row(%1::int, %2::text, %3::numeric)::text", func(g *goldenRun, a []string) (string, error) {
		rec := T{ID: Record, Fields: []Field{{"a", Of(Int4)}, {"b", Of(Text)}, {"c", Of(Numeric)}}}
		return Format(rec, EncodeRecord(rec, []Datum{IntDatum(ints(a)[0]), BytesDatum(a[1]), dec(a[2]).Datum()}), nil), nil
	}},
	"pg_type": {"select concat_ws(' ', oid, typname, typarray, typlen, typcategory, typispreferred) from pg_type where typname = %1", func(g *goldenRun, a []string) (string, error) {
		for _, t := range AllScalar() {
			if t.Typname() != a[0] {
				continue
			}
			if back, ok := OfOID(t.OID()); !ok || !back.Equal(t) {
				return "OfOID gives " + back.String(), nil
			}
			if arr, ok := OfOID(t.ArrayOID()); t.ArrayOID() != 0 && (!ok || !arr.Equal(ArrayOf(t))) {
				return "OfOID of the array gives " + arr.String(), nil
			}
			return fmt.Sprintf("%d %s %d %d %c %.1s", t.OID(), t.Typname(), t.ArrayOID(), t.Typlen(), t.Category(), strconv.FormatBool(t.Preferred())), nil
		}
		return "not listed", nil
	}},
	"lookup": {"select case when true then %1::regtype::oid end", func(g *goldenRun, a []string) (string, error) {
		t, ok := Lookup(a[0])
		if !ok {
			return goldenError("42704", "type \""+a[0]+"\" does not exist", "", ""), nil
		}
		return strconv.Itoa(int(t.OID())), nil
	}},
	"set": {"set $1 = %2", func(g *goldenRun, a []string) (string, error) {
		switch a[0] {
		case "timezone":
			loc, err := ZoneOf(a[1])
			g.env.TimeZone = loc
			return "", err
		case "datestyle":
			style, order, _ := strings.Cut(strings.ToLower(a[1]), ", ")
			g.env.DateStyle = map[string]DateStyle{"iso": DateISO, "sql": DateSQL, "postgres": DatePostgres, "german": DateGerman}[style]
			g.env.DateOrder = map[string]DateOrder{"mdy": OrderMDY, "dmy": OrderDMY, "ymd": OrderYMD}[order]
		case "intervalstyle":
			g.env.IntervalStyle = map[string]IntervalStyle{"postgres": IntervalPostgres, "postgres_verbose": IntervalPostgresVerbose, "sql_standard": IntervalSQLStandard, "iso_8601": IntervalISO8601}[a[1]]
		case "bytea_output":
			g.env.ByteaEscape = a[1] == "escape"
		case "extra_float_digits":
			g.env.ExtraFloat, _ = strconv.Atoi(a[1])
			g.env.RoundFloats = g.env.ExtraFloat <= 0
		}
		return "", nil
	}},
}
