package op

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// TestWatermarkStories runs the stories in testdata/watermark: what operators
// make of watermarks and of late rows, command by command.
//
//	build NAME [option..]      an operator of watermarkOps, over no state
//	push [in=1] [split=1]      changes, "+ 1 a" or "- 1 a", one a line; rows of a filter get the row id of the split
//	watermark [in=1] col=0 at=7
//	barrier [after=11s]        ends the epoch, which has a later time than the last one
//	restart                    what came after the last barrier is lost
//
// Answers are the changes that come out, sorted ("- " before "+ "), watermarks
// ("watermark of b (column 1): 7"), and, if they changed, the late rows of this run (and
// those of all times, as committed) and the rows in the state tables.
func TestWatermarkStories(t *testing.T) {
	datadriven.Walk(t, "testdata/watermark", func(t *testing.T, path string) {
		st := &opStory{t: t}
		datadriven.RunTest(t, path, st.command)
	})
}

// watermarkOps are the operators of the stories; rows are (t, k, v, id) if not
// said otherwise, and id is their key.
var watermarkOps = map[string]func(st *opStory, has func(string) bool) (in []types.Schema, build optest.Build){
	"filter":      storyFilter,
	"hashagg":     storyHashAgg,
	"topn":        storyTopN,
	"session":     storySession,
	"emitonclose": storyEmitOnClose,
	"interval":    storyInterval,
	"over":        storyOver,
}

const storyRows = "t int8, k text, v int8, id int8"

// filter: rows (ts) of splits; the bound is ts - 5, a split is idle after 10 s.
func storyFilter(st *opStory, has func(string) bool) ([]types.Schema, optest.Build) {
	s := optest.Schema(st.t, "ts int8, _row_id int8!")
	spec := WatermarkFilter{Col: 0, Expr: operator(st.t, "-", col(s, 0), intConst(5)), RowID: 2, Idle: 10_000_000, Table: TableRef{ID: 100, Name: "marks"}, Name: "s"}
	if has("quarantine") {
		spec.Quarantine = TableRef{ID: 101, Name: "late"}
	}
	return []types.Schema{s}, func(in []executor.Spec) executor.Spec { x := spec; x.In = in[0]; return &x }
}

// hashagg [emit]: count(*), max(v) by t, k.
func storyHashAgg(st *opStory, has func(string) bool) ([]types.Schema, optest.Build) {
	s := optest.Schema(st.t, storyRows)
	spec := aggSpec(s, []int{0, 1}, []AggCall{aggCall(st.t, s, "count"), aggCall(st.t, s, "max", 2)}, false)
	spec.WindowKey, spec.EmitOnClose, spec.Closed = 0, has("emit"), TableRef{ID: 50, Name: "closed"}
	return []types.Schema{s}, func(in []executor.Spec) executor.Spec { x := *spec; x.In = in[0]; return &x }
}

// topn: the greatest v of each t, k.
func storyTopN(st *opStory, _ func(string) bool) ([]types.Schema, optest.Build) {
	s := optest.Schema(st.t, storyRows)
	spec := TopN{Group: []int{0, 1}, Keys: []SortKey{{Col: 2, Desc: true}}, RowKey: []int{3}, Limit: 1,
		Rows: TableRef{ID: 100, Name: "rows"}, Closed: TableRef{ID: 101, Name: "closed"}}
	return []types.Schema{s}, func(in []executor.Spec) executor.Spec { x := spec; x.In = in[0]; return &x }
}

// session [emit]: by k, with a gap of 4 microseconds; t is a timestamp, in which
// the stories write microseconds.
func storySession(st *opStory, has func(string) bool) ([]types.Schema, optest.Build) {
	s := optest.Schema(st.t, "t timestamp, k text, v int8, id int8")
	spec := sessionSpec(st.t, s, []int{1}, 4)
	spec.Closes, spec.EmitOnClose, spec.Closed = true, has("emit"), TableRef{ID: 50, Name: "closed"}
	spec.Rows.Name, spec.Sessions.Name, spec.Ends.Name = "rows", "sessions", "ends"
	return []types.Schema{s}, func(in []executor.Spec) executor.Spec { x := spec; x.In = in[0]; return &x }
}

func storyEmitOnClose(st *opStory, has func(string) bool) ([]types.Schema, optest.Build) {
	s := optest.Schema(st.t, storyRows)
	spec := EmitOnClose{RowKey: []int{3}, AppendOnly: has("append"), Rows: TableRef{ID: 100, Name: "rows"}, Closed: TableRef{ID: 101, Name: "closed"}, Dist: []int{3}}
	return []types.Schema{s}, func(in []executor.Spec) executor.Spec { x := spec; x.In = in[0]; return &x }
}

// interval [left|semi] [append]: (k, t, id) with (k, t, id) on equal k and -2 <=
// l.t - r.t <= 3; out come the id and t of the left one, of the right one.
func storyInterval(st *opStory, has func(string) bool) ([]types.Schema, optest.Build) {
	s := optest.Schema(st.t, "k text, t int8, id int8")
	c := intervalCase{kind: InnerJoin, grow: has("append")}
	switch {
	case has("left"):
		c.kind = LeftJoin
	case has("semi"):
		c.kind = SemiJoin
	}
	return []types.Schema{s, s}, c.build(st.t, s)
}

// over [lead] [forget] [final] [close]: lag(v), or lead(v), by k in order of t; close:
// sum(v) by t, k in order of id.
func storyOver(st *opStory, has func(string) bool) ([]types.Schema, optest.Build) {
	s := optest.Schema(st.t, storyRows)
	name := "lag"
	if has("lead") {
		name = "lead"
	}
	call := windowCallOf(WindowCall{Func: name, Args: []int{2}, Shift: 1})
	spec := OverWindow{Partition: []int{1}, Keys: []SortKey{{Col: 0}}, RowKey: []int{3}, Rows: TableRef{ID: 100, Name: "rows"},
		Calls: []WindowCall{call}, Out: append(slices.Clone(s), types.Column{Name: name, Type: call.T})}
	if spec.Forget, spec.Final = has("forget"), has("final"); spec.Forget && !spec.Final {
		spec.Closed = TableRef{ID: 101, Name: "closed"}
	}
	if has("close") {
		call = windowCallOf(WindowCall{Agg: "sum(bigint)->numeric", Args: []int{2}, T: types.Of(types.Numeric),
			Frame: WindowFrame{Mode: RangeFrame, End: FrameBound{Kind: CurrentRow}}})
		spec.Partition, spec.Keys, spec.Closed, spec.WindowKey = []int{0, 1}, []SortKey{{Col: 3}}, TableRef{ID: 101, Name: "closed"}, 0
		spec.Calls, spec.Out = []WindowCall{call}, append(slices.Clone(s), types.Column{Name: "sum", Type: call.T})
	}
	return []types.Schema{s}, func(in []executor.Spec) executor.Spec { x := spec; x.In = in[0]; return &x }
}

// opStory is an operator that is driven by hand.
type opStory struct {
	t     *testing.T
	in    []types.Schema
	h     *optest.Harness
	stats *Stats
	spec  executor.Spec
	state []storage.TableDef
	out   []string
	next  int64 // row of a split
	told  string
}

func (st *opStory) command(t *testing.T, d *datadriven.TestData) string {
	st.t = t
	input, column, split := 0, 0, -1
	d.MaybeScanArgs(t, "in", &input)
	d.MaybeScanArgs(t, "col", &column)
	d.MaybeScanArgs(t, "split", &split)
	switch d.Cmd {
	case "build":
		st.build(d)
	case "push":
		st.push(input, split, d.Input)
	case "watermark":
		var at int64
		d.ScanArgs(t, "at", &at)
		st.h.Watermark(input, column, at)
	case "barrier":
		if d.HasArg("after") {
			var after string
			d.ScanArgs(t, "after", &after)
			by, err := time.ParseDuration(after)
			if err != nil {
				t.Fatal(err)
			}
			st.h.SetTime(st.h.Time().Add(by))
		}
		st.h.Barrier()
	case "restart":
		st.stats.Drop(1)
		st.h.Restart()
	default:
		d.Fatalf(t, "unknown command")
	}
	return st.answer()
}

func (st *opStory) build(d *datadriven.TestData) {
	name := d.CmdArgs[0].Key
	make, ok := watermarkOps[name]
	if !ok {
		d.Fatalf(st.t, "unknown operator %s", name)
	}
	if st.h != nil {
		st.h.Close()
	}
	var build optest.Build
	st.in, build = make(st, d.HasArg)
	st.stats = &Stats{}
	st.state, st.next, st.told = nil, 0, ""
	st.h = optest.New(st.t, st.in, func(in []executor.Spec) executor.Spec {
		s := build(in)
		st.spec, st.state = s, s.State()
		return s
	}, optest.Options{Env: &Env{Stats: st.stats, Alarm: func(stream.JobID) Alarm { return noAlarm{} }}})
	st.h.OnOutput = func(b *stream.Batch) {
		for _, c := range optest.Changes(b) {
			sign := "+ "
			if c.Op == stream.Delete {
				sign = "- "
			}
			st.out = append(st.out, sign+storyText(st.h.Schema(), c.Row))
		}
	}
}

// storyText writes the timestamps of a row as microseconds.
func storyText(s types.Schema, r optest.Row) string {
	s = slices.Clone(s)
	for j := range s {
		if s[j].Type.ID == types.Timestamp {
			s[j].Type = types.Of(types.Int8)
		}
	}
	return optest.Text(s, r)
}

func (st *opStory) push(in, split int, text string) {
	var lines []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if f[0] != "+" && f[0] != "-" {
			f = append([]string{"+"}, f...)
		}
		for j, c := range st.in[in] {
			if us, err := strconv.Atoi(f[min(j+1, len(f)-1)]); c.Type.ID == types.Timestamp && err == nil {
				f[j+1] = fmt.Sprintf("1970-01-01_00:00:00.%06d", us)
			}
		}
		if split >= 0 {
			f = append(f, fmt.Sprint(int64(split)<<rowIDShift|st.next))
			st.next++
		}
		lines = append(lines, strings.Join(f, " "))
	}
	st.h.PushText(in, strings.Join(lines, "\n"))
}

// answer is what came out since the last command.
func (st *opStory) answer() string {
	sort.SliceStable(st.out, func(i, j int) bool {
		a, b := st.out[i], st.out[j]
		return a[2:] < b[2:] || a[2:] == b[2:] && a[0] == '-' && b[0] != '-'
	})
	lines := st.out
	st.out = nil
	for _, w := range st.h.Watermarks {
		lines = append(lines, fmt.Sprintf("watermark of %s (column %d): %d", st.h.Schema()[w.Column].Name, w.Column, w.Time))
	}
	st.h.Watermarks = nil
	var late int64
	st.stats.Each(func(_ StatKey, c *Stat) { late += c.Bad.Load() })
	told := fmt.Sprintf("late: %d,", late)
	if ref, ok := LateTable(st.spec); ok {
		snap := st.h.Snapshot()
		all, err := LateRows(snap, ref)
		snap.Close()
		if err != nil {
			st.t.Fatal(err)
		}
		told += fmt.Sprintf(" of all times: %d,", all)
	}
	told += " state:"
	for _, def := range st.state {
		told += fmt.Sprintf(" %s=%d", def.Name, st.h.StateRows(def))
	}
	if told != st.told {
		st.told = told
		lines = append(lines, told)
	}
	if len(lines) == 0 {
		return "nothing"
	}
	return strings.Join(lines, "\n")
}
