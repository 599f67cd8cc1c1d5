package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"streamdb/connector"
	"streamdb/types"
	"streamdb/vec"
)

// numbered is what the matrix reads: a connector whose splits are endless
// sequences of records that tell where they come from. It gives as many as it is
// told to, and fails where it is told to.
type numbered struct {
	mu       sync.Mutex
	released int64         // records of each split that exist
	changed  chan struct{} // closed when there are more

	poison   poison
	poisoned bool           // a poisoned record has been read
	errs     map[string]int // by split: so many reads fail
	panics   bool           // the next read of split 0 of nums panics
	power    int            // how often it was cut: a server from before fails no more
}

// poison is what new records have in the columns that are there for it.
type poison struct {
	fail bool // e is 0: who divides by it fails
	stay bool // d is endless: who makes the square of so many rows of it is stuck
}

const (
	keyCount = 5
	endless  = 9_000_000
)

// keyOf is the key of a record, eventOf the second of its time: neighbours come in
// another order than that of their times.
func keyOf(split, n int64) int64 { return (n + split) % keyCount }
func eventOf(n int64) int64      { return n ^ 3 }

var eventBase = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newNumbered() *numbered { return &numbered{changed: make(chan struct{}), errs: map[string]int{}} }

// release makes n more records of each split.
func (s *numbered) release(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.released += n
	close(s.changed)
	s.changed = make(chan struct{})
}

// set changes what the connector does.
func (s *numbered) set(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

func (s *numbered) def() *connector.Def {
	return &connector.Def{
		Name:          "numbered",
		SourceOptions: []connector.Option{{Name: "splits", Required: true}},
		OpenSource: func(_ context.Context, cfg connector.Config) (connector.Source, error) {
			n, err := strconv.Atoi(cfg.Options["splits"])
			return &numberedSource{s, cfg, n}, err
		},
	}
}

type numberedSource struct {
	s      *numbered
	cfg    connector.Config
	splits int
}

func (*numberedSource) Close() error { return nil }

func (x *numberedSource) Splits(context.Context) ([]connector.Split, error) {
	var out []connector.Split
	for i := range x.splits {
		out = append(out, connector.Split{ID: strconv.Itoa(i), End: -1})
	}
	return out, nil
}

func (x *numberedSource) Open(_ context.Context, sp connector.Split, _ int64, cols []int) (connector.Reader, error) {
	n, err := strconv.ParseInt(sp.ID, 10, 64)
	r := &numberedReader{s: x.s, source: x.cfg.Name, split: n, wake: make(chan struct{}, 1), done: make(chan struct{})}
	x.s.mu.Lock()
	r.power = x.s.power
	x.s.mu.Unlock()
	for _, c := range cols {
		r.cols = append(r.cols, x.cfg.Schema[c].Name)
	}
	go r.watch()
	return r, err
}

type numberedReader struct {
	s      *numbered
	source string
	split  int64
	power  int
	cols   []string
	wake   chan struct{}
	done   chan struct{}
}

func (r *numberedReader) Close() error          { close(r.done); return nil }
func (r *numberedReader) Wake() <-chan struct{} { return r.wake }

// watch tells of new records.
func (r *numberedReader) watch() {
	for {
		r.s.mu.Lock()
		changed := r.s.changed
		r.s.mu.Unlock()
		select {
		case r.wake <- struct{}{}:
		default:
		}
		select {
		case <-changed:
		case <-r.done:
			return
		}
	}
}

func (r *numberedReader) Read(_ context.Context, c *connector.Chunk, most int) error {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if r.source == "nums" && r.split == 0 && r.s.panics && r.power == r.s.power {
		r.s.panics = false
		panic("a reader that panics")
	}
	from, to := c.Next, min(r.s.released, c.Next+int64(min(most, 50)))
	for n := from; n < to; n++ {
		if at := r.source + strconv.FormatInt(r.split, 10); r.s.errs[at] > 0 && n > from && r.power == r.s.power { // in the middle of a chunk
			r.s.errs[at]--
			return errors.New("a reader that fails")
		}
		r.add(c, n)
	}
	c.Next, c.More = max(from, to), to < r.s.released
	return nil
}

// add appends record n.
func (r *numberedReader) add(c *connector.Chunk, n int64) {
	e, d := int64(1), int64(1)
	if r.s.poison.fail {
		e, r.s.poisoned = 0, true
	}
	if r.s.poison.stay {
		d, r.s.poisoned = endless, true
	}
	for i, name := range r.cols {
		x := int64(0)
		switch name {
		case "split":
			x = r.split
		case "n":
			x = n
		case "k":
			x = keyOf(r.split, n)
		case "at":
			x = eventBase.Add(time.Duration(eventOf(n)) * time.Second).UnixMicro()
		case "e":
			x = e
		case "d":
			x = d
		}
		c.Cols[i].AppendInt(x)
	}
	c.Offsets = append(c.Offsets, n)
}

// arrivals is where the matrix's sinks deliver: it verifies that of each split of
// each tag every record comes once, and in order. It outlives the server, and
// takes each epoch once.
type arrivals struct {
	mu    sync.Mutex
	sinks map[string]*arrived
	fault func(name string, before bool) error // of a delivery: before it is taken, or after
}

// arrived is what a sink has brought.
type arrived struct {
	last   uint64
	epochs map[uint64]string // its changes, as text
	next   map[string]int64  // by tag and split: the record that must come next
	rows   map[string]int    // of changelogs: what there is

	records, duplicated, disordered, wrong int
	example                                string // of what went wrong first
}

func newArrivals() *arrivals { return &arrivals{sinks: map[string]*arrived{}} }

func (a *arrivals) clone() *arrivals {
	out := newArrivals()
	for name, x := range a.sinks {
		y := *x
		y.epochs, y.next, y.rows = maps.Clone(x.epochs), maps.Clone(x.next), maps.Clone(x.rows)
		out.sinks[name] = &y
	}
	return out
}

func (a *arrivals) def() *connector.Def {
	return &connector.Def{
		Name:        "arrivals",
		SinkOptions: []connector.Option{{Name: "order", Doc: "epoch: the records of an epoch may come in any order; else they come as they were read"}},
		OpenSink: func(_ context.Context, cfg connector.Config) (connector.Sink, error) {
			return &arrivalsSink{a, cfg}, nil
		},
	}
}

type arrivalsSink struct {
	a   *arrivals
	cfg connector.Config
}

func (*arrivalsSink) Close() error { return nil }

// Write takes an epoch. A sink whose rows are (tag, split, n) brings records; any
// other one brings the changes of a view.
func (s *arrivalsSink) Write(_ context.Context, epoch uint64, cols []vec.Vec, ops []int8, n int) error {
	s.a.mu.Lock()
	defer s.a.mu.Unlock()
	fail := s.a.fault
	if fail == nil {
		fail = func(string, bool) error { return nil }
	}
	if err := fail(s.cfg.Name, true); err != nil {
		return err
	}
	x := s.a.sinks[s.cfg.Name]
	if x == nil {
		x = &arrived{epochs: map[uint64]string{}, next: map[string]int64{}, rows: map[string]int{}}
		s.a.sinks[s.cfg.Name] = x
	}
	if len(s.cfg.Schema) == 3 && s.cfg.Schema[0].Name == "tag" {
		x.takeRecords(epoch, s.records(cols, ops, n))
	} else {
		x.takeChanges(epoch, s.lines(cols, n), ops)
	}
	return fail(s.cfg.Name, false)
}

// lines are the rows as text.
func (s *arrivalsSink) lines(cols []vec.Vec, n int) []string {
	rows := make([]string, n)
	for i := range n {
		for c, v := range cols {
			if c > 0 {
				rows[i] += "|"
			}
			if v.Null(i) {
				rows[i] += "NULL"
			} else {
				rows[i] += types.Format(s.cfg.Schema[c].Type, v.Datum(i), nil)
			}
		}
	}
	return rows
}

// record is one that a sink brought.
type record struct {
	from string // tag|split
	n    int64
	op   int8
}

func (s *arrivalsSink) records(cols []vec.Vec, ops []int8, n int) []record {
	out := make([]record, n)
	for i, row := range s.lines(cols[:2], n) {
		out[i] = record{row, cols[2].I64[i], ops[i]}
	}
	if s.cfg.Options["order"] == "epoch" {
		slices.SortStableFunc(out, func(a, b record) int { return cmp.Compare(a.n, b.n) })
	}
	return out
}

func (x *arrived) bad(format string, args ...any) {
	if x.example == "" {
		x.example = fmt.Sprintf(format, args...)
	}
}

// isNew notes an epoch. One that comes again must be the same.
func (x *arrived) isNew(epoch uint64, text string) bool {
	before, again := x.epochs[epoch]
	if !again && epoch > x.last {
		x.last, x.epochs[epoch] = epoch, text
		return true
	}
	if before != text {
		x.wrong++
		x.bad("epoch %d after epoch %d as %s, before as %s", epoch, x.last, text, before)
	}
	return false
}

func (x *arrived) takeChanges(epoch uint64, rows []string, ops []int8) {
	if !x.isNew(epoch, fmt.Sprint(ops, rows)) {
		return
	}
	for i, row := range rows {
		if x.rows[row] += int(ops[i]); x.rows[row] == 0 {
			delete(x.rows, row)
		} else if x.rows[row] < 0 {
			x.wrong++
			x.bad("epoch %d takes a row back that was not there: %s", epoch, row)
		}
	}
}

func (x *arrived) takeRecords(epoch uint64, records []record) {
	if !x.isNew(epoch, fmt.Sprint(records)) {
		return
	}
	for _, r := range records {
		x.records++
		switch next := x.next[r.from]; {
		case r.op < 0:
			x.wrong++
			x.bad("epoch %d takes record %d of %s back", epoch, r.n, r.from)
		case r.n == next:
			x.next[r.from]++
		case r.n < next:
			x.duplicated++
			x.bad("epoch %d has record %d of %s, and %d came before", epoch, r.n, r.from, next-1)
		default:
			x.disordered++
			x.bad("epoch %d has record %d of %s in place of %d", epoch, r.n, r.from, next)
		}
	}
}

// verdict says what is wrong when of each split of a sink's tags so many records
// have to be there; "": nothing.
func (a *arrivals) verdict(sink string, tags map[string]int, released int64) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	x := a.sinks[sink]
	if x == nil {
		return "sink " + sink + " brought nothing"
	}
	lost := int64(0)
	for tag, splits := range tags {
		for i := range splits {
			lost += released - x.next[fmt.Sprintf("%s|%d", tag, i)]
		}
	}
	if lost == 0 && x.duplicated == 0 && x.disordered == 0 && x.wrong == 0 {
		return ""
	}
	return fmt.Sprintf("sink %s: %d lost, %d duplicated, %d out of order, %d wrong, of %d records in %d epochs: %s",
		sink, lost, x.duplicated, x.disordered, x.wrong, x.records, len(x.epochs), x.example)
}

// broken is what went wrong already, whatever is to come; "": nothing.
func (a *arrivals) broken() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(a.sinks)) {
		if x := a.sinks[name]; x.example != "" {
			return fmt.Sprintf("sink %s: %s", name, x.example)
		}
	}
	return ""
}

// sum is what a changelog sums up to, sorted.
func (a *arrivals) sum(sink string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	if x := a.sinks[sink]; x != nil {
		for row, n := range x.rows {
			for range n {
				out = append(out, row)
			}
		}
	}
	slices.Sort(out)
	return out
}
