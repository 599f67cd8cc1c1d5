package op

import (
	"fmt"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

const (
	// lookRows and lookBytes are when rows that were read are looked at: few
	// enough to stay in a core's cache.
	lookRows  = 512
	lookBytes = 128 << 10
	// lookSample is how many rows tell how many pass.
	lookSample = 2048
)

// scanFilter reads rows under a condition: the columns of the condition first, of
// some hundred rows, and the others only of those that pass, from a copy of the
// rows. Once it is seen that most pass, all columns are read at once.
type scanFilter struct {
	where expr.Expr // over the columns read
	cols  []int     // those, by position in the table
	given int       // the first so many of which go into the output

	first   *storage.RowDecoder // of what is read at once
	scratch []*vec.Builder      // what it fills; used again and again
	in      []vec.Vec           // by position in cols: the column in scratch, if it is there
	place   []int               // by position in cols: where in scratch, -1: later
	later   *storage.RowDecoder // of what is read of rows that pass; nil: nothing
	out     []*vec.Builder      // what it fills

	rows       []byte // the rows read, if something is read later
	ends       []int
	n          int
	sel        []int32
	seen, kept int
}

func newScanFilter(where expr.Expr, cols []int, given int) *scanFilter {
	return &scanFilter{where: where, cols: cols, given: given, in: make([]vec.Vec, len(cols)), place: make([]int, len(cols))}
}

// plan divides the columns into those read at once and those read later, unless
// all are to be read at once. builders are those of the output.
func (f *scanFilter) plan(t *RowTable, builders []*vec.Builder, all bool) {
	used := map[int]bool{}
	for _, c := range expr.Cols(f.where) {
		used[c] = true
	}
	first, later := []int{}, []int{}
	f.out, f.later, f.rows = nil, nil, nil
	for i, c := range f.cols {
		if all || used[i] {
			f.place[i] = len(first)
			first = append(first, c)
			continue
		}
		f.place[i] = -1
		later = append(later, c)
		f.out = append(f.out, builders[i]) // what is not used by the condition is given
	}
	f.first, f.scratch = t.Decoder(first), t.Builders(first, lookRows)
	if len(later) > 0 {
		f.later = t.Decoder(later)
	}
}

// read takes a row; full: it is time to look at those taken.
func (f *scanFilter) read(row []byte) (full bool, err error) {
	if err := f.first.Append(f.scratch, row); err != nil {
		return false, err
	}
	f.n++
	if f.later != nil {
		f.rows = append(f.rows, row...)
		f.ends = append(f.ends, len(f.rows))
		return f.n == lookRows || len(f.rows) >= lookBytes, nil
	}
	return f.n == lookRows || f.n&7 == 0 && vec.DataBytes(f.scratch) >= lookBytes, nil
}

// pass appends the rows that pass to the builders; how many.
func (f *scanFilter) pass(ctx *expr.Ctx, builders []*vec.Builder) (int, error) {
	for i, p := range f.place {
		if p >= 0 {
			f.in[i] = f.scratch[p].Vec()
		}
	}
	var err error
	if f.sel, err = expr.FilterSel(ctx, f.where, f.in, nil, f.n, f.sel); err != nil {
		return 0, err
	}
	for i := range f.given {
		if f.place[i] >= 0 {
			builders[i].AppendRows(&f.in[i], f.sel)
		}
	}
	if f.later != nil {
		for _, i := range f.sel {
			from := 0
			if i > 0 {
				from = f.ends[i-1]
			}
			if err := f.later.Append(f.out, f.rows[from:f.ends[i]]); err != nil {
				return 0, err
			}
		}
	}
	f.seen, f.kept = f.seen+f.n, f.kept+len(f.sel)
	f.n, f.rows, f.ends = 0, f.rows[:0], f.ends[:0]
	for _, b := range f.scratch {
		b.Clear()
	}
	return len(f.sel), nil
}

// most reports whether reading some columns later does not pay.
func (f *scanFilter) most() bool {
	return f.later != nil && f.seen >= lookSample && 2*f.kept > f.seen
}

// addUnder is add for a scan with a condition.
func (s *scanOutput) addUnder(ctx *executor.Ctx, t *RowTable, value []byte, out executor.Emitter) error {
	full, err := s.filter.read(value)
	if err != nil {
		return fmt.Errorf("relation %s: %w", s.name, err)
	}
	if !full {
		return nil
	}
	return s.look(ctx, t, out)
}

// look moves the rows that pass to the output.
func (s *scanOutput) look(ctx *executor.Ctx, t *RowTable, out executor.Emitter) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n, err := s.filter.pass(ctx.Expr, s.builders)
	if err != nil {
		return err
	}
	if s.filter.most() {
		s.filter.plan(t, s.builders, true)
	}
	if s.rows += n; s.rows < s.size && s.rows < stream.BatchRows && vec.DataBytes(s.builders) < stream.BatchBytes {
		return nil
	}
	return s.flush(out)
}
