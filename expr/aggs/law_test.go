package aggs

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// samples are values in text form, chosen to collide, overflow and cancel.
var samples = map[types.ID][]string{
	types.Bool:        {"t", "f"},
	types.Int2:        {"0", "1", "-1", "32767", "-32768"},
	types.Int4:        {"0", "1", "-7", "2147483647", "-2147483648"},
	types.Int8:        {"0", "1", "-1", "9223372036854775807", "-9223372036854775808", "12345"},
	types.Numeric:     {"0", "1.5", "1.50", "-1e40", "1e40", "99999999999999999999999999999999999999", "0.000000000000000000000000001", "NaN", "Infinity", "-Infinity"},
	types.Float4:      {"0", "1.5", "0.1", "-3e38", "1e-40", "NaN", "Infinity"},
	types.Float8:      {"0", "0.1", "0.2", "-0.3", "1e300", "1e-300", "-1e300", "5e-324", "123456.789", "NaN", "Infinity", "-Infinity"},
	types.Text:        {"", "a", "abc", "b"},
	types.Bpchar:      {"a", "a  ", "b"},
	types.Bytea:       {"", "\\x00", "\\xff"},
	types.Date:        {"2024-01-01", "infinity", "1999-12-31"},
	types.Time:        {"00:00", "12:34:56.789"},
	types.Timestamp:   {"2024-01-01 00:00", "infinity", "-infinity"},
	types.TimestampTZ: {"2024-01-01 00:00+00", "2020-02-02 02:02+02"},
	types.Interval:    {"1 day", "24 hours", "-1 mon", "1 mon", "00:00:00.000001"},
	types.OID:         {"1", "4294967295"},
	types.Jsonb:       {"1", "1.0", "{\"a\": 1}", "[]", "null"},
	types.Array:       {"{1,2}", "{}", "{NULL,3}"},
}

// argTypes gives concrete argument types for a Def; ok is false if there are no samples.
func argTypes(d *Def) (out []types.T, ok bool) {
	for _, a := range d.Args {
		t := types.Of(a)
		switch a {
		case types.Unknown:
			t = types.Of(types.Int4)
		case types.Array:
			t = types.ArrayOf(types.Of(types.Int4))
		}
		if samples[t.ID] == nil {
			return nil, false
		}
		out = append(out, t)
	}
	return out, true
}

type row struct {
	group int32
	vals  []types.Datum
	op    stream.Op
}

func drawRow(t *rapid.T, args []types.T, groups int32) row {
	r := row{group: rapid.Int32Range(0, groups-1).Draw(t, "group"), op: stream.Insert}
	for _, a := range args {
		pool := samples[a.ID]
		k := rapid.IntRange(-1, len(pool)-1).Draw(t, "value")
		if k < 0 {
			r.vals = append(r.vals, types.NullDatum)
			continue
		}
		d, err := types.ParseText(a, pool[k], nil)
		if err != nil {
			t.Fatal(err)
		}
		r.vals = append(r.vals, d)
	}
	return r
}

// feed updates a state with the rows; with holes, the batch has rows outside the selection.
func feed(t *rapid.T, s State, args []types.T, rows []row, holes bool) {
	bs := make([]*vec.Builder, len(args))
	for k := range args {
		bs[k] = vec.NewBuilder(args[k].Layout(), len(rows))
	}
	var groups, sel []int32
	var ops []stream.Op
	allInsert := true
	add := func(r row, selected bool) {
		for k := range args {
			bs[k].AppendDatum(r.vals[k])
		}
		if selected && holes {
			sel = append(sel, int32(len(groups)))
		}
		groups = append(groups, r.group)
		ops = append(ops, r.op)
		allInsert = allInsert && r.op == stream.Insert
	}
	for i, r := range rows {
		if holes && i%2 == 0 {
			add(r, false)
		}
		add(r, true)
	}
	if holes && sel == nil {
		sel = []int32{}
	}
	if allInsert {
		ops = nil
	}
	cols := make([]vec.Vec, len(args))
	for k := range args {
		cols[k] = bs[k].Vec()
	}
	if err := s.Update(groups, cols, ops, sel, len(groups)); err != nil {
		t.Fatal(err)
	}
}

const lawGroups = 3

var lawIDs = []int32{0, 1, 2}

func results(d *Def, args []types.T, s State) []string {
	ret := d.ResultType(args)
	var out []string
	for _, id := range lawIDs {
		b := vec.NewBuilder(ret.Layout(), 1)
		if err := s.Result(nil, []int32{id}, b); err != nil {
			out = append(out, err.Error())
			continue
		}
		v := b.Vec()
		if x := v.Datum(0); x.Null {
			out = append(out, "NULL")
		} else {
			out = append(out, types.Format(ret, x, nil))
		}
	}
	return out
}

func same(t *rapid.T, what string, got, want []string) {
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s: group %d has %s, want %s", what, i, got[i], want[i])
		}
	}
}

// TestLaw: a state's result is a function of the rows that remain, whatever the
// order, batching, selections, retractions, partial sums and stored forms.
func TestLaw(t *testing.T) {
	for _, d := range All() {
		args, ok := argTypes(d)
		if d.New == nil || !ok || d.OrderedSet { // those have constant arguments: see TestApproxPercentile
			continue
		}
		t.Run(d.Key(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				n := rapid.IntRange(0, 12).Draw(t, "rows")
				var keep, events []row
				for range n {
					r := drawRow(t, args, lawGroups)
					events = append(events, r)
					if d.Retractable && rapid.Bool().Draw(t, "retract") {
						r.op = stream.Delete
						events = append(events, r)
					} else {
						keep = append(keep, r)
					}
				}
				fresh := d.New(args)
				fresh.Grow(lawGroups)
				feed(t, fresh, args, keep, false)
				want := results(d, args, fresh)

				s := d.New(args)
				s.Grow(1)
				s.Grow(lawGroups)
				cut := rapid.IntRange(0, len(events)).Draw(t, "cut")
				feed(t, s, args, events[:cut], rapid.Bool().Draw(t, "holes"))
				for _, id := range lawIDs { // through the stored form
					b := append(s.Encode(id, nil), 0xAA)
					s.Reset(id)
					rest, err := s.Decode(id, b)
					if err != nil || len(rest) != 1 {
						t.Fatalf("decode: %v, rest %d", err, len(rest))
					}
				}
				feed(t, s, args, events[cut:], true)
				same(t, "retraction", results(d, args, s), want)
				for _, id := range lawIDs {
					if _, err := s.Decode(id, nil); err == nil {
						t.Fatal("an empty stored form was accepted")
					}
				}
				if d.Partial != nil {
					checkPartial(t, d, args, events, cut, want)
				}
			})
		})
	}
}

// checkPartial sums two parts apart, merges them, and takes a third one back.
func checkPartial(t *rapid.T, d *Def, args []types.T, events []row, cut int, want []string) {
	total := d.New(args)
	total.Grow(lawGroups)
	merge := func(rows []row, op stream.Op) {
		part := d.New(args)
		part.Grow(lawGroups)
		feed(t, part, args, rows, false)
		cols := d.Partial(args)
		bs := make([]*vec.Builder, len(cols))
		for k := range cols {
			bs[k] = vec.NewBuilder(cols[k].Layout(), lawGroups)
		}
		if err := part.AppendPartial(lawIDs, bs); err != nil {
			t.Fatal(err)
		}
		vs := make([]vec.Vec, len(cols))
		for k := range bs {
			vs[k] = bs[k].Vec()
		}
		var ops []stream.Op
		if op == stream.Delete {
			ops = []stream.Op{op, op, op}
		}
		if err := total.Merge(lawIDs, vs, ops, nil, lawGroups); err != nil {
			t.Fatal(err)
		}
	}
	merge(events[:cut], stream.Insert)
	if d.Retractable {
		merge(events, stream.Insert)
		merge(events[cut:], stream.Insert)
		merge(events, stream.Delete)
	} else {
		merge(events[cut:], stream.Insert)
	}
	same(t, "partial", results(d, args, total), want)
}

// TestFloatSumExact: sums are the exact ones, rounded once.
func TestFloatSumExact(t *testing.T) {
	s := &sumFloat{}
	s.Grow(1)
	xs := []float64{0.1, 0.2, 0.3, 1e17, -1e17, 1e-300, math.MaxFloat64, -math.MaxFloat64, 5e-324}
	if err := s.Update(make([]int32, len(xs)), []vec.Vec{vec.Floats(xs)}, nil, nil, len(xs)); err != nil {
		t.Fatal(err)
	}
	if got := s.acc.sum(0); got != 0.6 {
		t.Fatalf("got %v, want 0.6", got)
	}
}

func BenchmarkSumInt(b *testing.B) {
	const n = 4096
	xs, groups := make([]int64, n), make([]int32, n)
	for i := range xs {
		xs[i], groups[i] = int64(i), int32(i%100)
	}
	s := &sumInt{}
	s.Grow(100)
	cols := []vec.Vec{vec.Ints(xs)}
	b.ReportAllocs()
	for b.Loop() {
		_ = s.Update(groups, cols, nil, nil, n)
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkSumIntResult(b *testing.B) {
	const n = 4096
	s, ids := &sumInt{result: sumNumeric}, make([]int32, n)
	s.Grow(n)
	for i := range ids {
		ids[i], s.n[i], s.lo[i] = int32(i), 1, uint64(i)<<(i%40)
	}
	for b.Loop() {
		if err := s.Result(nil, ids, vec.NewBuilder(types.LBytes, n)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(n)/float64(b.N), "ns/group")
}

func BenchmarkSumFloat(b *testing.B) {
	const n = 4096
	xs, groups := make([]float64, n), make([]int32, n)
	for i := range xs {
		xs[i], groups[i] = float64(i)/7, int32(i%100)
	}
	s := &sumFloat{}
	s.Grow(100)
	cols := []vec.Vec{vec.Floats(xs)}
	b.ReportAllocs()
	for b.Loop() {
		_ = s.Update(groups, cols, nil, nil, n)
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
