package op

import (
	"errors"
	"fmt"
	"strings"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/storage"
	"streamdb/types"
	"streamdb/vec"
)

// IndexScan reads the part of a stored relation that conditions on its key name,
// from a snapshot; bounded runs only. The relation is a table or view itself,
// by its own key, or an index: a copy under another key. It may give more rows
// than the conditions let through, but none less.
type IndexScan struct {
	Name  string   // of the index, or of the relation read by its own key
	Table RowTable // what is scanned
	// Eq gives the values that the leading key columns may have, expressions
	// without columns: more than one for IN. Low and High bound the next one.
	Eq        [][]expr.Expr
	Low, High IndexBound
	Cols      []int // columns given, by position in Table.Cols, or in Base.Cols
	// Base, if it has columns, is the relation that the index is of, where the rows
	// are looked up: by the columns BaseKey of Table.Cols, in the order of Base.Key.
	Base    RowTable
	BaseKey []int
	// Limit is how many rows of each partition are of use, in key order; 0: all.
	Limit int64
	Conds string // the conditions, for EXPLAIN
	Out   types.Schema
}

// IndexBound is one end of a range; no E: it is open.
type IndexBound struct {
	E    expr.Expr
	Incl bool
}

// maxPrefixes bounds the combinations of IN lists.
const maxPrefixes = 1000

// Kind is "IndexScan".
func (*IndexScan) Kind() string { return "IndexScan" }

// Inputs is empty.
func (*IndexScan) Inputs() []executor.Spec { return nil }

// Schema is the columns read.
func (s *IndexScan) Schema() types.Schema { return s.Out }

// State is empty: the rows belong to the relation's own job.
func (*IndexScan) State() []storage.TableDef { return nil }

// Explain shows the conditions that choose the rows.
func (s *IndexScan) Explain() string {
	text := s.Name
	if s.Conds != "" {
		text += " (" + s.Conds + ")"
	}
	if s.Limit > 0 {
		var keys []string
		for _, k := range s.Table.Key[len(s.Eq):] {
			keys = append(keys, s.Table.Cols[k.Col].Name)
		}
		text += fmt.Sprintf(" first %d by %s", s.Limit, strings.Join(keys, ", "))
	}
	if len(s.Base.Cols) > 0 {
		text += " with look-up"
	}
	return text
}

// Open makes a scan over the run's snapshot.
func (s *IndexScan) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	if !ctx.Bounded {
		return nil, errors.New("op: IndexScan runs bounded only")
	}
	x := &indexScan{spec: s, from: &s.Table, cols: s.Cols}
	if len(s.Base.Cols) > 0 {
		x.from = &s.Base
		x.keyDec = s.Table.Decoder(s.BaseKey)
	}
	x.scanOutput = scanOutput{name: s.Name, snapshot: ctx.Snapshot(), dec: x.from.Decoder(s.Cols)}
	return x, nil
}

type indexScan struct {
	scanOutput
	spec *IndexScan
	from *RowTable // whose columns are given
	cols []int

	keyDec *storage.RowDecoder // of the base's key
	keys   []*vec.Builder
	found  int // keys waiting for their look-up
}

// Poll reads all that the conditions name.
func (s *indexScan) Poll(ctx *executor.Ctx, out executor.Emitter) (bool, error) {
	if s.done {
		return false, nil
	}
	s.done = true
	s.begin(s.from, s.cols)
	if s.keyDec != nil {
		s.keys = s.spec.Table.Builders(s.spec.BaseKey, scanFirstRows)
	}
	values, err := s.values(ctx)
	if err != nil {
		return false, err
	}
	low, high, some, err := s.bounds(ctx)
	if err != nil || !some {
		return false, err
	}
	prefix := make([]types.Datum, len(values))
	if err := s.each(ctx, values, prefix, 0, low, high, out); err != nil {
		return false, err
	}
	if err := s.lookUp(ctx, out); err != nil {
		return false, err
	}
	return false, s.flush(out)
}

// values evaluates Eq: the different values of each column, without NULLs.
func (s *indexScan) values(ctx *executor.Ctx) ([][]types.Datum, error) {
	out := make([][]types.Datum, len(s.spec.Eq))
	for i, list := range s.spec.Eq {
		seen := map[string]bool{}
		k := s.spec.Table.Key[i]
		for _, e := range list {
			d, err := expr.EvalRow(ctx.Expr, e)
			if err != nil {
				return nil, err
			}
			if d.Null { // x = NULL holds for no row
				continue
			}
			key := string(types.AppendKey(nil, s.spec.Table.Cols[k.Col].Type, d, false, false))
			if !seen[key] {
				seen[key] = true
				out[i] = append(out[i], d)
			}
		}
	}
	return out, nil
}

// bounds evaluates the ends of the range, in key form behind any prefix: from
// low to before high; nil is open. some false: no row can be in it.
func (s *indexScan) bounds(ctx *executor.Ctx) (low, high []byte, some bool, err error) {
	if s.spec.Low.E == nil && s.spec.High.E == nil {
		return nil, nil, true, nil
	}
	k := s.spec.Table.Key[len(s.spec.Eq)]
	t := s.spec.Table.Cols[k.Col].Type
	end := func(b IndexBound) (key []byte, null bool, err error) {
		if b.E == nil {
			return nil, false, nil
		}
		d, err := expr.EvalRow(ctx.Expr, b.E)
		if err != nil || d.Null {
			return nil, d.Null, err
		}
		return types.AppendKey(nil, t, d, k.Desc, k.NullsFirst), false, nil
	}
	first, last := s.spec.Low, s.spec.High
	if k.Desc {
		first, last = last, first
	}
	low, null, err := end(first)
	if err != nil || null {
		return nil, nil, false, err
	}
	high, null, err = end(last)
	if err != nil || null {
		return nil, nil, false, err
	}
	if low != nil && !first.Incl {
		low = prefixEnd(low)
	}
	if high != nil && last.Incl {
		high = prefixEnd(high)
	}
	return low, high, true, nil
}

// each scans the range behind every combination of values.
func (s *indexScan) each(ctx *executor.Ctx, values [][]types.Datum, prefix []types.Datum, n int, low, high []byte, out executor.Emitter) error {
	if n < len(values) {
		for _, d := range values[n] {
			prefix[n] = d
			if err := s.each(ctx, values, prefix, n+1, low, high, out); err != nil {
				return err
			}
		}
		return nil
	}
	t := &s.spec.Table
	key := t.EncodeDatumKey(nil, prefix)
	from := append(key[:len(key):len(key)], low...)
	to := prefixEnd(key)
	if high != nil {
		to = append(key[:len(key):len(key)], high...)
	}
	if to != nil && string(from) >= string(to) {
		return nil
	}
	if len(t.Dist) == 0 || s.onePartition(len(prefix)) {
		v := storage.VNode(0)
		if len(t.Dist) > 0 {
			v = t.DatumVNode(prefix)
		}
		return s.scan(ctx, v, from, to, out)
	}
	for v := range storage.NumVNodes {
		if err := s.scan(ctx, storage.VNode(v), from, to, out); err != nil {
			return err
		}
	}
	return nil
}

// onePartition reports whether n leading key columns say where a row is.
func (s *indexScan) onePartition(n int) bool {
	for _, d := range s.spec.Table.Dist {
		in := false
		for _, k := range s.spec.Table.Key[:n] {
			in = in || k.Col == d
		}
		if !in {
			return false
		}
	}
	return true
}

func (s *indexScan) scan(ctx *executor.Ctx, v storage.VNode, from, to []byte, out executor.Emitter) error {
	read := int64(0)
	return s.snapshot.Scan(s.spec.Table.Def.ID, v, from, to, func(_, value []byte) (bool, error) {
		read++
		more := s.spec.Limit == 0 || read < s.spec.Limit
		if s.keyDec == nil {
			return more, s.add(ctx, value, out)
		}
		if err := s.keyDec.Append(s.keys, value); err != nil {
			return false, fmt.Errorf("index %s: %w", s.spec.Name, err)
		}
		if s.found++; s.found < scanFirstRows {
			return more, nil
		}
		return more, s.lookUp(ctx, out)
	})
}

// lookUp reads the rows of the base whose keys were found.
func (s *indexScan) lookUp(ctx *executor.Ctx, out executor.Emitter) error {
	if s.found == 0 {
		return nil
	}
	base := &s.spec.Base
	cols := make([]vec.Vec, len(base.Cols))
	for i, k := range base.Key {
		cols[k.Col] = s.keys[i].Vec()
	}
	vnodes := base.VNodes(cols, s.found, nil)
	var key []byte
	for i := range s.found {
		key = base.EncodeKey(key[:0], cols, i)
		value, err := s.snapshot.Get(base.Def.ID, vnodes[i], key)
		if err != nil {
			return err
		}
		if value == nil {
			return fmt.Errorf("index %s: it names a row that is not there", s.spec.Name)
		}
		if err := s.add(ctx, value, out); err != nil {
			return err
		}
	}
	s.found = 0
	for _, b := range s.keys {
		b.Reset(scanFirstRows)
	}
	return nil
}
