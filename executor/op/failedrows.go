package op

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// failedRows keeps the rows of a Calc, or the pairs of a HashJoin, for which an
// expression fails: on_error = 'quarantine'. A row and the deletion of it fail alike, so a row that goes takes
// its entry along. Weights are added up over instances by who reads them: where
// parallelism has changed, or rows go to any instance, the two may meet at
// different ones.
//
//	first vnode of the instance | hash of row and error (16 bytes) -> FailedRow
type failedRows struct {
	table  storage.StateTable // nil, in a SELECT: they are not kept
	vnode  storage.VNode
	schema types.Schema
	rowID  int // column that says where in its source a row was; -1: none
	errs   expr.Errors
	ctx    expr.Ctx

	rows []int32 // of this batch, as they are found
	why  []error
}

// newFailedRows is for rows of a schema; ref zero: rows are not left out, nil.
func newFailedRows(ref TableRef, schema types.Schema, ctx *executor.OpenCtx) *failedRows {
	if ref.ID == 0 {
		return nil
	}
	q := &failedRows{schema: schema}
	if !ctx.Bounded {
		q.table, q.vnode = ctx.Table(ref), storage.VNode(ctx.VNodes.From)
	}
	q.rowID = slices.IndexFunc(q.schema, func(c types.Column) bool { return c.Name == "_row_id" && c.Type.ID == types.Int8 })
	q.errs.OnRow = func(row int32, err error) { q.rows, q.why = append(q.rows, row), append(q.why, err) }
	return q
}

// begin is the context in which a batch is evaluated.
func (q *failedRows) begin(c *expr.Ctx) *expr.Ctx {
	q.rows, q.why = q.rows[:0], q.why[:0]
	q.ctx = *c
	q.ctx.OnError = &q.errs
	return &q.ctx
}

// without takes the rows that failed out of sel (nil: all n).
func (q *failedRows) without(sel []int32, n int) []int32 {
	if len(q.rows) == 0 {
		return sel
	}
	bad := make([]bool, n)
	for _, i := range q.rows {
		bad[i] = true
	}
	out := make([]int32, 0, n)
	for k := range n {
		if sel != nil && k >= len(sel) {
			break
		}
		i := int32(k)
		if sel != nil {
			i = sel[k]
		}
		if !bad[i] {
			out = append(out, i)
		}
	}
	return out
}

// keep stores the rows that failed, of n, each with its first error. weight is how
// often a row comes, or, below zero, goes.
func (q *failedRows) keep(ctx *executor.Ctx, cols []vec.Vec, n int, weight func(i int32) int64) error {
	if len(q.rows) == 0 || q.table == nil {
		return nil
	}
	done := make([]bool, n)
	for k, i := range q.rows {
		if done[i] {
			continue
		}
		done[i] = true
		if err := q.change(ctx, cols, int(i), weight(i), q.why[k]); err != nil {
			return err
		}
	}
	return nil
}

func (q *failedRows) change(ctx *executor.Ctx, cols []vec.Vec, i int, weight int64, why error) error {
	e := sqlerr.From(why)
	r := FailedRow{Time: ctx.Expr.Now.UnixMicro(), Epoch: ctx.Epoch, RowID: -1, Raw: rowJSON(q.schema, cols, i), Code: e.Code, Msg: e.Msg}
	if q.rowID >= 0 && !cols[q.rowID].Null(i) {
		r.RowID = cols[q.rowID].Datum(i).I
	}
	key := r.key()
	old, err := q.table.Get(q.vnode, key)
	if err != nil {
		return err
	}
	if old != nil {
		was, err := DecodeFailedRow(key, old)
		if err != nil {
			return err
		}
		r.Time, r.Epoch, r.Weight = was.Time, was.Epoch, was.Weight
	}
	if r.Weight += weight; r.Weight == 0 {
		q.table.Delete(q.vnode, key)
		return nil
	}
	q.table.Put(q.vnode, key, r.encode())
	return nil
}

// FailedRow is a row that an expression failed for.
type FailedRow struct {
	Key    [16]byte     // the same for the same row and error
	Weight int64        // how often the row is there, at one instance
	Time   int64        // when it came, microseconds since 1970
	Epoch  stream.Epoch // in which it came
	RowID  int64        // its _row_id; -1: it has none
	Raw    []byte       // the row as a JSON object of text forms, its first 64 kB
	Code   string       // SQLSTATE
	Msg    string
}

const failedRowFormat = 1

func (r *FailedRow) key() []byte {
	h := sha256.New()
	var head [16]byte
	binary.LittleEndian.PutUint64(head[:], uint64(r.RowID))
	binary.LittleEndian.PutUint64(head[8:], uint64(len(r.Raw)))
	h.Write(head[:])
	h.Write(r.Raw)
	h.Write([]byte(r.Code + r.Msg))
	return h.Sum(nil)[:16]
}

// encode writes the stored form, all but the key:
//
//	format (1 byte) | weight (varint) | time (varint) | epoch (uvarint) | _row_id (varint) | code | message | row; texts after their lengths
func (r *FailedRow) encode() []byte {
	b := binary.AppendVarint([]byte{failedRowFormat}, r.Weight)
	b = binary.AppendVarint(b, r.Time)
	b = binary.AppendUvarint(b, uint64(r.Epoch))
	b = binary.AppendVarint(b, r.RowID)
	for _, s := range []string{r.Code, r.Msg, string(r.Raw[:min(len(r.Raw), quarantineRaw)])} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

// DecodeFailedRow reads a row of a FailedTable.
func DecodeFailedRow(key, value []byte) (r FailedRow, err error) {
	bad := sqlerr.New(sqlerr.DataCorrupted, "unreadable row of a view's quarantine")
	if len(key) != len(r.Key) || len(value) == 0 || value[0] != failedRowFormat {
		return r, bad
	}
	copy(r.Key[:], key)
	b := value[1:]
	signed := func() int64 {
		v, n := binary.Varint(b)
		if n <= 0 {
			err, n = bad, 0
		}
		b = b[n:]
		return v
	}
	unsigned := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			err, n = bad, 0
		}
		b = b[n:]
		return v
	}
	text := func() string {
		n := unsigned()
		if n > uint64(len(b)) {
			err, n = bad, 0
		}
		s := string(b[:n])
		b = b[n:]
		return s
	}
	r.Weight, r.Time, r.Epoch, r.RowID = signed(), signed(), stream.Epoch(unsigned()), signed()
	r.Code, r.Msg, r.Raw = text(), text(), []byte(text())
	return r, err
}

// FailedRows calls fn for the rows that an operator left out and that are still there.
func FailedRows(snap storage.Snapshot, ref TableRef, fn func(FailedRow)) error {
	all := map[[16]byte]*FailedRow{}
	var order []*FailedRow
	err := snap.ScanTable(ref.ID, func(_ storage.VNode, key, value []byte) (bool, error) {
		r, err := DecodeFailedRow(key, value)
		if err != nil {
			return false, err
		}
		if was := all[r.Key]; was != nil {
			was.Weight += r.Weight
			was.Time, was.Epoch = min(was.Time, r.Time), min(was.Epoch, r.Epoch)
			return true, nil
		}
		all[r.Key] = &r
		order = append(order, &r)
		return true, nil
	})
	for _, r := range order {
		if r.Weight > 0 && err == nil {
			fn(*r)
		}
	}
	return err
}

// Quarantine makes the operators of a plan leave out the rows for which an expression
// fails; table gives out ids. It returns the first operator that evaluates what can
// fail and has no such way: nil, if there is none. (Set-returning functions and
// aggregates end the job whatever is said.)
func Quarantine(p *executor.Plan, table func() storage.TableID) (other executor.Spec) {
	walkPlan(p, func(s executor.Spec) {
		ref, es := failedOf(s)
		switch {
		case !fails(es...):
		case ref == nil && other == nil:
			other = s
		case ref != nil && ref.ID == 0:
			*ref = TableRef{ID: table(), Name: "failed", Format: 1}
		}
	})
	return other
}

// NoQuarantine is the opposite of Quarantine.
func NoQuarantine(p *executor.Plan) {
	walkPlan(p, func(s executor.Spec) {
		if ref, _ := failedOf(s); ref != nil {
			*ref = TableRef{}
		}
	})
}

// LeavesOut reports whether a plan leaves out the rows for which an expression fails.
func LeavesOut(p *executor.Plan) (does bool) {
	walkPlan(p, func(s executor.Spec) { does = does || FailedTable(s).ID != 0 })
	return does
}

// FailedTable is where an operator keeps the rows that it leaves out; zero: it leaves
// out none.
func FailedTable(s executor.Spec) TableRef {
	if ref, _ := failedOf(s); ref != nil {
		return *ref
	}
	return TableRef{}
}

func walkPlan(p *executor.Plan, fn func(executor.Spec)) {
	for i := range p.Fragments {
		executor.Walk(p.Fragments[i].Root, fn)
	}
}

// failedOf are the expressions that an operator evaluates for each row, and its
// table for those that fail; nil: it cannot leave rows out.
func failedOf(s executor.Spec) (*TableRef, []expr.Expr) {
	switch s := s.(type) {
	case *Calc:
		return &s.Failed, append(slices.Clone(s.Exprs), s.Where)
	case *HashJoin:
		return &s.Failed, []expr.Expr{s.Residual}
	case *SingletonJoin:
		return nil, []expr.Expr{s.Cond}
	case *TemporalJoin:
		return nil, []expr.Expr{s.Residual}
	case *TemporalFilter:
		es := []expr.Expr{s.Where}
		for _, e := range s.Edges {
			es = append(es, e.At, e.Reached)
		}
		return nil, es
	}
	return nil, nil
}

// fails reports whether an evaluation of one of the expressions can fail.
func fails(es ...expr.Expr) (can bool) {
	for _, e := range es {
		expr.Walk(e, func(x expr.Expr) bool {
			if c, ok := x.(*expr.Call); ok && !c.Def.Total && c.Def.Select == nil {
				can = true
			}
			return !can
		})
	}
	return can
}

// Position is where in its source the row was, if it is of one.
func (r *FailedRow) Position() (split int, offset int64, ok bool) {
	const ofTables = 1 << 62 // rows of INSERT have ids from here on
	if r.RowID < 0 || r.RowID >= ofTables {
		return 0, 0, false
	}
	return int(r.RowID >> rowIDShift), r.RowID & (1<<rowIDShift - 1), true
}
