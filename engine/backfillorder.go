package engine

import (
	"slices"
	"strconv"
	"strings"

	"streamdb/catalog"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/storage"
	"streamdb/stream"
)

// backfillOptions applies what the WITH part of a new job says of its backfill:
// backfill_order and the rate limits.
func (s *Session) backfillOptions(cat *catalog.Catalog, o *catalog.Object, p *executor.Plan, options []*ast.Option) error {
	for _, opt := range options {
		switch name := strings.ToLower(opt.Name); name {
		case "backfill_order":
			if err := s.backfillOrder(cat, p, opt.Value); err != nil {
				return err
			}
		case "on_error":
			if _, err := onError(o, p, opt, s.db.newTableID); err != nil {
				return err
			}
		case "backfill_rate_limit", "sink_rate_limit", "source_rate_limit":
			v, err := checkRate(opt.Value)
			if err != nil || !slices.Contains(ratesOf(o.Kind, o.Connector != nil), name) {
				return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option %s: \"%s\"", name, opt.Value).At(opt.At() + 1)
			}
			if o.Rates == nil {
				o.Rates = map[string]int64{}
			}
			delete(o.Rates, name)
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				o.Rates[name] = n
			}
		}
	}
	return nil
}

// backfillOrder is FIXED(a -> b, ..): a is read before b begins. AUTO and DEFAULT
// leave the order open: all are read at once.
func (s *Session) backfillOrder(cat *catalog.Catalog, p *executor.Plan, text string) error {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "auto", "default", "none":
		return nil
	}
	edges, err := orderEdges(text)
	if err != nil {
		return err
	}
	readers := backfillsByUpstream(p)
	before := map[catalog.ID][]catalog.ID{} // b -> every a
	for _, e := range edges {
		var ids [2]catalog.ID
		for i, name := range e {
			schema, base := "", name
			if a, b, ok := strings.Cut(name, "."); ok {
				schema, base = a, b
			}
			o := cat.Resolve(schema, base, s.settings.searchPath(s.info.User))
			if o == nil {
				return sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" of backfill_order does not exist", name)
			}
			if len(readers[stream.JobID(o.ID)]) == 0 {
				return sqlerr.New(sqlerr.InvalidParameterValue, "the query does not read %s \"%s\" of backfill_order", o.Kind, name)
			}
			ids[i] = o.ID
		}
		before[ids[1]] = append(before[ids[1]], ids[0])
	}
	if cyclic(before) {
		return sqlerr.New(sqlerr.InvalidParameterValue, "Backfill order strategy has a cycle").
			WithDetail("In %s some relation comes before itself.", text)
	}
	for b, firsts := range before {
		var after []storage.TableID
		for _, a := range firsts {
			for _, spec := range readers[stream.JobID(a)] {
				after = append(after, spec.State()[0].ID)
			}
		}
		slices.Sort(after)
		for _, spec := range readers[stream.JobID(b)] {
			setAfter(spec, slices.Compact(after))
		}
	}
	return nil
}

// orderEdges reads FIXED(a -> b, ..).
func orderEdges(text string) (edges [][2]string, err error) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open || !strings.EqualFold(strings.TrimSpace(text[:open]), "fixed") {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "backfill_order \"%s\" is not understood", text).
			WithHint("Write backfill_order = FIXED(a -> b, b -> c), or AUTO or DEFAULT.")
	}
	for _, part := range strings.Split(text[open+1:end], ",") {
		chain := strings.Split(part, "->")
		if len(chain) < 2 {
			return nil, sqlerr.New(sqlerr.SyntaxError, "backfill_order: \"%s\" is not of the form a -> b", strings.TrimSpace(part))
		}
		for i := range len(chain) - 1 {
			edges = append(edges, [2]string{orderName(chain[i]), orderName(chain[i+1])})
		}
	}
	return edges, nil
}

// orderName folds a name as SQL does, quoted parts aside.
func orderName(text string) string {
	parts := strings.Split(strings.TrimSpace(text), ".")
	for i, p := range parts {
		p = strings.TrimSpace(p)
		if q, ok := strings.CutPrefix(p, `"`); ok {
			parts[i] = strings.ReplaceAll(strings.TrimSuffix(q, `"`), `""`, `"`)
		} else {
			parts[i] = strings.ToLower(p)
		}
	}
	return strings.Join(parts, ".")
}

// backfillsByUpstream finds the backfills of a plan by the job that they read.
func backfillsByUpstream(p *executor.Plan) map[stream.JobID][]executor.Spec {
	m := map[stream.JobID][]executor.Spec{}
	for i := range p.Fragments {
		executor.Walk(p.Fragments[i].Root, func(s executor.Spec) {
			switch b := s.(type) {
			case *op.Backfill, *op.SourceBackfill:
				if in, ok := b.Inputs()[0].(*executor.Input); ok {
					m[in.Upstream] = append(m[in.Upstream], s)
				}
			}
		})
	}
	return m
}

func setAfter(s executor.Spec, after []storage.TableID) {
	switch b := s.(type) {
	case *op.Backfill:
		b.After = after
	case *op.SourceBackfill:
		b.After = after
	}
}

// cyclic reports whether somebody comes before itself.
func cyclic(before map[catalog.ID][]catalog.ID) bool {
	state := map[catalog.ID]int{} // 1: being looked at, 2: fine
	var visit func(id catalog.ID) bool
	visit = func(id catalog.ID) bool {
		if state[id] != 0 {
			return state[id] == 1
		}
		state[id] = 1
		if slices.ContainsFunc(before[id], visit) {
			return true
		}
		state[id] = 2
		return false
	}
	for id := range before {
		if visit(id) {
			return true
		}
	}
	return false
}
