package op

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/expr/funcs"
	"streamdb/stream"
	"streamdb/types"
)

// waitingTable is the state of the filters under test.
var waitingTable = TableRef{ID: 20, Name: "waiting", Format: 1}

// timeEpoch is the time of a harness's first epoch, in microseconds.
const timeEpoch = 1e9 * 1_000_000

func micros(d time.Duration) types.Datum { return types.IntDatum(timeEpoch + d.Microseconds()) }

func instant(e int) *expr.Col { return &expr.Col{Index: e, T: types.Of(types.TimestampTZ)} }

func ivl(t testing.TB, text string) *expr.Const {
	t.Helper()
	s, err := types.ParseInterval(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &expr.Const{Value: s.Datum(), T: types.Of(types.Interval)}
}

func applied(t testing.TB, name string, args ...expr.Expr) expr.Expr {
	t.Helper()
	e, err := funcs.BindOperator(nil, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// window is from <= now and now < until, each row having its own.
func window(t testing.TB, limit int, appendOnly bool) optest.Build {
	from, until, now := instant(1), instant(2), instant(4)
	return func(in []executor.Spec) executor.Spec {
		return &TemporalFilter{
			In:    in[0],
			Where: expr.AndOf([]expr.Expr{applied(t, "<=", from, now), applied(t, "<", now, until)}),
			Edges: []TimeEdge{{At: from}, {At: until}},
			Key:   []int{0}, Dist: []int{0}, AppendOnly: appendOnly, Limit: limit,
			Table: waitingTable,
		}
	}
}

// hours draws a time within some hours of the first epoch's, or none, or infinity.
func hours(t *rapid.T, name string) types.Datum {
	switch rapid.IntRange(0, 19).Draw(t, name+" kind") {
	case 0:
		return types.NullDatum
	case 1:
		return types.IntDatum(math.MaxInt64)
	case 2:
		return types.IntDatum(math.MinInt64)
	}
	return micros(time.Duration(rapid.IntRange(-4, 12).Draw(t, name)) * time.Hour)
}

func windowLaw(t *testing.T, limit int, appendOnly bool) optest.Law {
	return optest.Law{
		Schemas: []types.Schema{optest.Schema(t, "id int8!, begins timestamptz, ends timestamptz, v text")},
		Build:   window(t, limit, appendOnly),
		Gen: []func(*rapid.T) optest.Row{func(t *rapid.T) optest.Row {
			return optest.Row{types.IntDatum(int64(rapid.IntRange(1, 30).Draw(t, "id"))), hours(t, "begins"), hours(t, "ends"),
				types.BytesDatum(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "v"))}
		}},
		Keys:       [][]int{{0}},
		AppendOnly: []bool{appendOnly},
		Pass: func(t *rapid.T) time.Duration {
			return rapid.SampledFrom([]time.Duration{0, time.Microsecond, time.Hour - time.Microsecond, time.Hour, 3 * time.Hour}).Draw(t, "pass")
		},
		OracleAt: func(at time.Time, in [][]optest.Row) []optest.Row {
			var out []optest.Row
			for _, r := range in[0] {
				if now := at.UnixMicro(); !r[1].Null && !r[2].Null && r[1].I <= now && now < r[2].I {
					out = append(out, r)
				}
			}
			return out
		},
		NoBounded: true,
		Changes:   20,
	}
}

func TestTemporalFilterLaw(t *testing.T) { optest.Check(t, windowLaw(t, 0, false)) }

func TestTemporalFilterAppendOnlyLaw(t *testing.T) { optest.Check(t, windowLaw(t, 0, true)) }

// TestTemporalFilterSearchLaw: edges that are found by search, in a comparison
// that goes back and forth at the ends of months.
func TestTemporalFilterSearchLaw(t *testing.T) {
	ts, now := instant(1), instant(2)
	month := ivl(t, "1 month")
	optest.Check(t, optest.Law{
		Schemas: []types.Schema{optest.Schema(t, "id int8!, ts timestamptz")},
		Build: func(in []executor.Spec) executor.Spec {
			back := applied(t, "-", now, month)
			return &TemporalFilter{
				In: in[0], Where: applied(t, ">", ts, back), Key: []int{0}, Dist: []int{0},
				Edges: []TimeEdge{{Reached: applied(t, ">=", back, ts), Piece: types.Day}},
				Table: waitingTable,
			}
		},
		Gen: []func(*rapid.T) optest.Row{func(t *rapid.T) optest.Row {
			id := types.IntDatum(int64(rapid.IntRange(1, 30).Draw(t, "id")))
			if rapid.IntRange(0, 9).Draw(t, "null") == 0 {
				return optest.Row{id, types.NullDatum}
			}
			return optest.Row{id, micros(time.Duration(rapid.IntRange(0, 30*24).Draw(t, "ts")) * time.Hour)}
		}},
		Keys: [][]int{{0}},
		Pass: func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(0, 40*24*60).Draw(t, "pass")) * time.Minute
		},
		OracleAt: func(at time.Time, in [][]optest.Row) []optest.Row {
			var out []optest.Row
			back, err := types.TimestampAdd(at.UnixMicro(), types.Span{Months: -1})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range in[0] {
				if !r[1].Null && r[1].I > back {
					out = append(out, r)
				}
			}
			return out
		},
		NoBounded: true,
	})
}

// TestTemporalFilterBounds: many rows change a few at a time, in order, through
// restarts and while rows come and go.
func TestTemporalFilterBounds(t *testing.T) {
	schema := optest.Schema(t, "id int8!, begins timestamptz, ends timestamptz, v text")
	h := optest.New(t, []types.Schema{schema}, window(t, 100, false), optest.Options{})
	row := func(id int) optest.Row {
		return optest.Row{types.IntDatum(int64(id)), types.IntDatum(math.MinInt64), micros(time.Hour), types.BytesDatum("x")}
	}
	var rows []optest.Change
	for id := range 1000 {
		rows = append(rows, optest.Change{Op: 1, Row: row(id)})
	}
	h.Push(0, rows)
	if n := len(h.Barrier()); n != 1000 {
		t.Fatalf("%d rows came", n)
	}
	h.SetTime(h.Time().Add(2 * time.Hour))
	for id := range 300 { // some of them while they are going
		h.Push(0, []optest.Change{{Op: -1, Row: row(id)}})
		if id%50 == 0 {
			if n := len(h.Barrier()); n > 300 {
				t.Errorf("%d rows changed in one epoch", n)
			}
		}
		if id == 120 {
			h.Restart()
			for again := 101; again <= 120; again++ { // of the epoch that was lost
				h.Push(0, []optest.Change{{Op: -1, Row: row(again)}})
			}
			h.SetTime(h.Time().Add(time.Minute))
		}
	}
	for range 20 {
		h.Barrier()
	}
	if rest := h.Sum(); len(rest) != 0 {
		t.Errorf("what remains: %v", rest)
	}
	if n := h.StateRows(waitingTable); n != 0 {
		t.Errorf("%d rows of state remain", n)
	}
}

// alarms records what is asked for.
type alarms struct{ at int64 }

func (a *alarms) Set(at int64) { a.at = at }
func (a *alarms) Close()       {}

// TestTemporalFilterAlarm: the next change asks for a barrier, and the watermark
// follows the time.
func TestTemporalFilterAlarm(t *testing.T) {
	a := &alarms{}
	schema := optest.Schema(t, "id int8!, ts timestamptz")
	ts, now := instant(1), instant(2)
	h := optest.New(t, []types.Schema{schema}, func(in []executor.Spec) executor.Spec {
		return &TemporalFilter{
			In: in[0], Where: applied(t, ">", ts, applied(t, "-", now, ivl(t, "1 hour"))), Key: []int{0}, Dist: []int{0},
			Edges: []TimeEdge{{At: ts, Plus: time.Hour.Microseconds()}},
			Marks: []TimeMark{{Col: 1, Plus: time.Hour.Microseconds()}},
			Table: waitingTable,
		}
	}, optest.Options{Env: &Env{Alarm: func(stream.JobID) Alarm { return a }}})
	begin := h.Time()
	h.Barrier()
	if a.at != math.MaxInt64 {
		t.Errorf("an alarm for %d, without a row", a.at)
	}
	for k, at := range []time.Duration{-30 * time.Minute, -2 * time.Hour, 10 * time.Minute} {
		h.Push(0, []optest.Change{{Op: 1, Row: optest.Row{types.IntDatum(int64(k)), micros(at)}}})
	}
	h.Barrier()
	if want := begin.Add(30 * time.Minute).UnixMicro(); a.at != want {
		t.Errorf("the alarm is set to %d, want %d", a.at, want)
	}
	h.SetTime(begin.Add(30 * time.Minute))
	if got, want := h.Barrier().String(), "- 0 2001-09-09_01:16:40+00"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	h.Restart()
	if want := begin.Add(70 * time.Minute).UnixMicro(); a.at != want {
		t.Errorf("after a restart the alarm is set to %d, want %d", a.at, want)
	}
	h.SetTime(begin.Add(100 * time.Hour)) // it took longer than the window
	if got, want := h.Barrier().String(), "- 2 2001-09-09_01:56:40+00"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	last := h.Watermarks[len(h.Watermarks)-1]
	if want := begin.Add(99 * time.Hour).UnixMicro(); last.Column != 1 || last.Time != want {
		t.Errorf("the last watermark is %v, want %d", fmt.Sprint(last), want)
	}
}
