package op

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/expr/aggs"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// windowSchema: lo and hi are the bounds of RANGE frames, x - 2 and x + 1.
const windowSchema = "id int8, g int8, x int8, v int8, s text, lo int8, hi int8, k int4, f bool"

func genWindowRow(t *rapid.T) optest.Row {
	x := genInt(t, 5)
	lo, hi := types.NullDatum, types.NullDatum
	if !x.Null {
		lo, hi = types.IntDatum(x.I-2), types.IntDatum(x.I+1)
	}
	k := types.IntDatum(int64(rapid.IntRange(1, 4).Draw(t, "k")))
	f := types.BoolDatum(rapid.Bool().Draw(t, "f"))
	return optest.Row{types.IntDatum(int64(rapid.IntRange(0, 30).Draw(t, "id"))), genInt(t, 2), x, genInt(t, 4), genText(t), lo, hi, k, f}
}

// windowOracle computes every call for every row by its definition.
type windowOracle struct {
	t      *testing.T
	schema types.Schema
	spec   *OverWindow
}

func (o *windowOracle) rows(in [][]optest.Row) []optest.Row {
	var out []optest.Row
	for _, part := range o.parts(in[0]) {
		out = append(out, o.results(part)...)
	}
	return out
}

// parts is the partitions, each in order.
func (o *windowOracle) parts(rows []optest.Row) map[string][]optest.Row {
	parts := map[string][]optest.Row{}
	for _, r := range rows {
		g := ""
		for _, c := range o.spec.Partition {
			g += fmt.Sprint(r[c], "|")
		}
		parts[g] = append(parts[g], r)
	}
	full := slices.Clone(o.spec.Keys)
	for _, c := range o.spec.RowKey {
		full = append(full, SortKey{Col: c})
	}
	for _, part := range parts {
		slices.SortFunc(part, func(a, b optest.Row) int { return compareBy(o.schema, full, a, b) })
	}
	return parts
}

// results is the rows of a partition with their results.
func (o *windowOracle) results(rows []optest.Row) (out []optest.Row) {
	for i := range rows {
		res := slices.Clone(rows[i])
		for k := range o.spec.Calls {
			res = append(res, o.call(&o.spec.Calls[k], rows, i))
		}
		out = append(out, res)
	}
	return out
}

func (o *windowOracle) peer(a, b optest.Row) bool { return compareBy(o.schema, o.spec.Keys, a, b) == 0 }

// group is the number of the peer group of row i.
func (o *windowOracle) group(rows []optest.Row, i int) (g int) {
	for j := 1; j <= i; j++ {
		if !o.peer(rows[j-1], rows[j]) {
			g++
		}
	}
	return g
}

// inFrame reports whether row j is in the frame of row i.
func (o *windowOracle) inFrame(f *WindowFrame, rows []optest.Row, i, j int) bool {
	after := func(b FrameBound) bool { // j is not before bound b
		switch b.Kind {
		case UnboundedPreceding:
			return true
		case UnboundedFollowing:
			return false
		}
		n := int(b.N)
		if b.Kind == Preceding {
			n = -n
		}
		if b.Kind == CurrentRow {
			n = 0
		}
		switch {
		case f.Mode == RowsFrame:
			return j >= i+n
		case f.Mode == GroupsFrame || b.Kind == CurrentRow:
			return o.group(rows, j) >= o.group(rows, i)+n
		}
		to := slices.Clone(rows[i])
		to[2] = rows[i][b.Col]
		return compareBy(o.schema, o.spec.Keys, rows[j], to) >= 0
	}
	before := func(b FrameBound) bool { // j is not after bound b
		switch b.Kind {
		case UnboundedPreceding:
			return false
		case UnboundedFollowing:
			return true
		}
		n := int(b.N)
		if b.Kind == Preceding {
			n = -n
		}
		if b.Kind == CurrentRow {
			n = 0
		}
		switch {
		case f.Mode == RowsFrame:
			return j <= i+n
		case f.Mode == GroupsFrame || b.Kind == CurrentRow:
			return o.group(rows, j) <= o.group(rows, i)+n
		}
		to := slices.Clone(rows[i])
		to[2] = rows[i][b.Col]
		return compareBy(o.schema, o.spec.Keys, rows[j], to) <= 0
	}
	if !after(f.Start) || !before(f.End) {
		return false
	}
	switch f.Exclude {
	case ExcludeCurrentRow:
		return i != j
	case ExcludeGroup:
		return !o.peer(rows[i], rows[j])
	case ExcludeTies:
		return i == j || !o.peer(rows[i], rows[j])
	}
	return true
}

func (o *windowOracle) call(c *WindowCall, rows []optest.Row, i int) types.Datum {
	n := len(rows)
	peersBefore, through := 0, 0
	for j := range rows {
		if o.group(rows, j) < o.group(rows, i) {
			peersBefore++
		}
		if o.group(rows, j) <= o.group(rows, i) {
			through++
		}
	}
	switch c.Func {
	case "row_number":
		return types.IntDatum(int64(i + 1))
	case "rank":
		return types.IntDatum(int64(peersBefore + 1))
	case "dense_rank":
		return types.IntDatum(int64(o.group(rows, i) + 1))
	case "percent_rank":
		if n == 1 {
			return types.Datum{}
		}
		return types.Datum{F: float64(peersBefore) / float64(n-1)}
	case "cume_dist":
		return types.Datum{F: float64(through) / float64(n)}
	case "ntile": // deal the rows out and see where this one lands
		buckets := int(rows[0][c.Args[0]].I)
		at := 0
		for b := range buckets {
			size := n / buckets
			if b < n%buckets {
				size++
			}
			if at += size; i < at {
				return types.IntDatum(int64(b + 1))
			}
		}
	case "lag", "lead":
		return o.lag(c, rows, i)
	}
	var frame []optest.Row
	for j := range rows {
		if o.inFrame(&c.Frame, rows, i, j) {
			frame = append(frame, rows[j])
		}
	}
	if c.Func == "" {
		return o.aggregate(c, frame)
	}
	if c.IgnoreNulls {
		frame = slices.DeleteFunc(frame, func(r optest.Row) bool { return r[c.Args[0]].Null })
	}
	at := 0
	switch c.Func {
	case "last_value":
		at = len(frame) - 1
	case "nth_value":
		at = int(rows[i][c.Args[1]].I) - 1
	}
	if at < 0 || at >= len(frame) {
		return types.NullDatum
	}
	return frame[at][c.Args[0]]
}

func (o *windowOracle) lag(c *WindowCall, rows []optest.Row, i int) types.Datum {
	shift := int(c.Shift)
	if c.ShiftCol >= 0 {
		shift = int(rows[i][c.ShiftCol].I)
	}
	step := 1
	if c.Func == "lag" {
		step = -1
	}
	if shift < 0 {
		step, shift = -step, -shift
	}
	j := i
	for ; shift > 0 && j >= 0 && j < len(rows); shift-- {
		for j += step; c.IgnoreNulls && j >= 0 && j < len(rows) && rows[j][c.Args[0]].Null; j += step {
		}
	}
	switch {
	case j >= 0 && j < len(rows):
		return rows[j][c.Args[0]]
	case c.Default >= 0:
		return rows[i][c.Default]
	}
	return types.NullDatum
}

func (o *windowOracle) aggregate(c *WindowCall, frame []optest.Row) types.Datum {
	def, ok := aggs.ByKey(c.Agg)
	if !ok {
		o.t.Fatalf("no aggregate %s", c.Agg)
	}
	ts := colTypes(o.schema, c.Args)
	cols := make([]*vec.Builder, len(c.Args))
	for k := range cols {
		cols[k] = vec.NewBuilder(ts[k].Layout(), 4)
	}
	n := 0
	for _, r := range frame {
		if c.Filter >= 0 && (r[c.Filter].Null || r[c.Filter].I == 0) {
			continue
		}
		if def.Name == "count" && len(c.Args) == 1 || !def.NotStrict {
			if slices.ContainsFunc(c.Args, func(a int) bool { return r[a].Null }) {
				continue
			}
		}
		n++
		for k, a := range c.Args {
			cols[k].AppendDatum(r[a])
		}
	}
	vs := make([]vec.Vec, len(cols))
	for k := range cols {
		vs[k] = cols[k].Vec()
	}
	d, err := def.FinalOf(&expr.Ctx{}, ts, vs, n)
	if err != nil {
		o.t.Fatal(err)
	}
	return d
}

// windowCallOf makes a call with what it does not say set to none.
func windowCallOf(c WindowCall) WindowCall {
	c.Filter, c.ShiftCol, c.Default = -1, -1, -1
	if c.T.ID == types.Unknown {
		c.T = types.Of(types.Int8)
	}
	return c
}

// genFrame draws any legal frame over the schema of the test.
func genFrame(t *rapid.T, ordered bool) WindowFrame {
	f := WindowFrame{Mode: RowsFrame}
	if ordered {
		f.Mode = FrameMode(rapid.IntRange(0, 2).Draw(t, "mode"))
	}
	f.Start.Kind = BoundKind(rapid.IntRange(0, 3).Draw(t, "start"))
	f.End.Kind = BoundKind(rapid.IntRange(max(int(f.Start.Kind), 1), 4).Draw(t, "end"))
	f.Start.N, f.End.N = int64(rapid.IntRange(0, 3).Draw(t, "n")), int64(rapid.IntRange(0, 3).Draw(t, "m"))
	for _, b := range []*FrameBound{&f.Start, &f.End} {
		if b.Kind != Preceding && b.Kind != Following {
			b.N = 0
		} else if f.Mode == RangeFrame {
			b.N, b.Col = 0, 5
			if b.Kind == Following {
				b.Col = 6
			}
		}
	}
	f.Exclude = FrameExclude(rapid.IntRange(0, 3).Draw(t, "exclude"))
	return f
}

func genWindowCall(t *rapid.T, ordered bool) WindowCall {
	text, float := types.Of(types.Text), types.Of(types.Float8)
	c := rapid.SampledFrom([]WindowCall{
		{Func: "row_number"}, {Func: "rank"}, {Func: "dense_rank"}, {Func: "percent_rank", T: float}, {Func: "cume_dist", T: float},
		{Func: "ntile", Args: []int{7}, T: types.Of(types.Int4)}, {Func: "lag", Args: []int{3}}, {Func: "lead", Args: []int{4}, T: text},
		{Func: "first_value", Args: []int{3}}, {Func: "last_value", Args: []int{4}, T: text}, {Func: "nth_value", Args: []int{3, 7}},
		{Agg: "count()->bigint"}, {Agg: "count(any)->bigint", Args: []int{3}}, {Agg: "sum(bigint)->numeric", Args: []int{3}, T: types.Of(types.Numeric)},
		{Agg: "min(bigint)->bigint", Args: []int{3}}, {Agg: "max(text)->text", Args: []int{4}, T: text},
		{Agg: "array_agg(any)->anyarray", Args: []int{3}, T: types.ArrayOf(types.Of(types.Int8))}, {Agg: "bit_or(bigint)->bigint", Args: []int{3}},
	}).Draw(t, "call")
	c = windowCallOf(c)
	if c.framed() {
		c.Frame = genFrame(t, ordered)
	}
	switch c.Func {
	case "lag", "lead":
		c.Shift = int64(rapid.IntRange(-1, 3).Draw(t, "shift"))
		if rapid.IntRange(0, 3).Draw(t, "shifts") == 0 {
			c.ShiftCol = 7
		}
		if rapid.Bool().Draw(t, "default") {
			c.Default = map[string]int{"lag": 2, "lead": 4}[c.Func]
		}
		c.IgnoreNulls = rapid.IntRange(0, 2).Draw(t, "nulls") == 0
	case "first_value", "last_value", "nth_value":
		c.IgnoreNulls = rapid.Bool().Draw(t, "nulls")
	case "":
		if rapid.IntRange(0, 2).Draw(t, "filter") == 0 {
			c.Filter = 8
		}
	}
	return c
}

// TestOverWindow checks random windows: one node of up to three calls each.
func TestOverWindow(t *testing.T) {
	defer func(n, m int) { winCheckRows, winPageRows = n, m }(winCheckRows, winPageRows)
	winCheckRows = 3
	schema := optest.Schema(t, windowSchema)
	for n := range 40 {
		spec := rapid.Custom(func(t *rapid.T) *OverWindow {
			s := &OverWindow{RowKey: []int{0}, Rows: TableRef{ID: 100, Name: "rows"}, Out: slices.Clone(schema)}
			if rapid.IntRange(0, 2).Draw(t, "partition") > 0 {
				s.Partition = []int{1}
			}
			desc := rapid.Bool().Draw(t, "desc")
			switch rapid.IntRange(0, 3).Draw(t, "order") {
			case 0:
			case 1, 2:
				s.Keys = []SortKey{{Col: 2, NullsFirst: rapid.Bool().Draw(t, "first")}}
			default:
				s.Keys = []SortKey{{Col: 2, Desc: desc, NullsFirst: desc}, {Col: 4}}
			}
			ordered := len(s.Keys) == 1
			if !ordered { // no ties: a bounded run then says the same
				s.Keys = append(s.Keys, SortKey{Col: 0})
			}
			for range rapid.IntRange(1, 3).Draw(t, "calls") {
				c := genWindowCall(t, ordered)
				s.Calls = append(s.Calls, c)
				s.Out = append(s.Out, types.Column{Name: fmt.Sprint("c", len(s.Calls)), Type: c.T})
			}
			return s
		}).Example(n)
		texts := make([]string, len(spec.Calls))
		for i := range spec.Calls {
			texts[i] = spec.Calls[i].explain(schema)
		}
		t.Run(fmt.Sprintf("%d %s", n, strings.Join(texts, ", ")), func(t *testing.T) {
			winPageRows = []int{2, 1024}[n%2]
			o := &windowOracle{t, schema, spec}
			optest.Check(t, optest.Law{
				Schemas: []types.Schema{schema},
				Build: func(in []executor.Spec) executor.Spec {
					s := *spec
					s.In = in[0]
					return &s
				},
				Gen:       []func(*rapid.T) optest.Row{genWindowRow},
				Keys:      [][]int{{0}},
				Changes:   20,
				Oracle:    o.rows,
				NoBounded: spec.Keys[len(spec.Keys)-1].Col != 0, // ties are broken by arrival there
			})
		})
	}
}

// BenchmarkOverWindow is an epoch of 100 rows at the end, or anywhere, of one
// partition of 100,000 rows.
func BenchmarkOverWindow(b *testing.B) {
	schema := optest.Schema(b, "id int8, x int8, v int8")
	rows := func(mode FrameMode, start, end FrameBound) WindowFrame {
		return WindowFrame{Mode: mode, Start: start, End: end}
	}
	running := rows(RangeFrame, FrameBound{}, FrameBound{Kind: CurrentRow})
	for name, c := range map[string]WindowCall{
		"running-sum": {Agg: "sum(bigint)->numeric", Args: []int{2}, T: types.Of(types.Numeric), Frame: running},
		"sliding-max": {Agg: "max(bigint)->bigint", Args: []int{2}, Frame: rows(RowsFrame, FrameBound{Kind: Preceding, N: 10}, FrameBound{Kind: CurrentRow})},
		"lag":         {Func: "lag", Args: []int{2}, Shift: 1},
		"row_number":  {Func: "row_number"},
	} {
		for _, anywhere := range []bool{false, true} {
			if anywhere && (name == "running-sum" || name == "row_number") {
				continue // half of the partition changes: that is its output
			}
			b.Run(fmt.Sprintf("%s/anywhere=%v", name, anywhere), func(b *testing.B) {
				c := windowCallOf(c)
				h := optest.New(b, []types.Schema{schema}, func(in []executor.Spec) executor.Spec {
					return &OverWindow{In: in[0], Keys: []SortKey{{Col: 1}}, RowKey: []int{0}, Rows: TableRef{ID: 100}, Calls: []WindowCall{c},
						Out: append(slices.Clone(schema), types.Column{Name: "c", Type: c.T})}
				}, optest.Options{Discard: true})
				rnd := rand.New(rand.NewPCG(1, 2))
				id := int64(0)
				push := func(n int, x func() int64) {
					cs := make([]optest.Change, n)
					for i := range cs {
						id++
						cs[i] = optest.Change{Op: stream.Insert, Row: optest.Row{types.IntDatum(id), types.IntDatum(x()), types.IntDatum(id % 97)}}
					}
					h.Push(0, cs)
					h.Barrier()
				}
				push(100_000, func() int64 { return rnd.Int64N(1 << 40) })
				b.ResetTimer()
				for range b.N {
					push(100, func() int64 {
						if anywhere {
							return rnd.Int64N(1 << 40)
						}
						return 1<<40 + id
					})
				}
			})
		}
	}
}

// TestOverWindowWatermark: a watermark on the order passes where results cannot
// change behind it.
func TestOverWindowWatermark(t *testing.T) {
	schema := optest.Schema(t, "id int8, g int8, at timestamp, v int8")
	for name, c := range map[string]struct {
		call   WindowCall
		passes bool
		ahead  int64
	}{
		"lag":  {WindowCall{Func: "lag", Args: []int{3}, Shift: 1}, true, 0},
		"rank": {WindowCall{Func: "rank"}, true, 0},
		"lead": {WindowCall{Func: "lead", Args: []int{3}, Shift: 1}, false, 0},
		"sum": {WindowCall{Agg: "sum(bigint)->numeric", Args: []int{3}, T: types.Of(types.Numeric),
			Frame: WindowFrame{Mode: RangeFrame, End: FrameBound{Kind: CurrentRow}}}, true, 0},
		"range": {WindowCall{Agg: "sum(bigint)->numeric", Args: []int{3}, T: types.Of(types.Numeric),
			Frame: WindowFrame{Mode: RangeFrame, End: FrameBound{Kind: Following, Col: 2}}}, true, 3},
		"far range": {WindowCall{Agg: "sum(bigint)->numeric", Args: []int{3}, T: types.Of(types.Numeric),
			Frame: WindowFrame{Mode: RangeFrame, End: FrameBound{Kind: Following, Col: 2}}}, false, 0},
		"total": {WindowCall{Agg: "sum(bigint)->numeric", Args: []int{3}, T: types.Of(types.Numeric),
			Frame: WindowFrame{Mode: RangeFrame, End: FrameBound{Kind: UnboundedFollowing}}}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			call := windowCallOf(c.call)
			h := optest.New(t, []types.Schema{schema}, func(in []executor.Spec) executor.Spec {
				return &OverWindow{In: in[0], Partition: []int{1}, Keys: []SortKey{{Col: 2}}, RowKey: []int{0}, Rows: TableRef{ID: 100},
					Ahead: c.ahead, Calls: []WindowCall{call}, Out: append(slices.Clone(schema), types.Column{Name: "c", Type: call.T})}
			}, optest.Options{})
			h.Watermark(0, 2, 7)
			if len(h.Watermarks) != 0 {
				t.Fatal("a watermark passed before the barrier")
			}
			h.Watermark(0, 1, 3)
			h.Barrier()
			var want []stream.Watermark
			if c.passes {
				want = append(want, stream.Watermark{Column: 2, Time: 7 - c.ahead})
			}
			want = append(want, stream.Watermark{Column: 1, Time: 3})
			if !slices.Equal(h.Watermarks, want) {
				t.Fatalf("watermarks %v, want %v", h.Watermarks, want)
			}
		})
	}
}
