package lower

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"streamdb/catalog"
	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/expr/funcs"
	"streamdb/planner/logical"
)

// Access is what a SELECT may read besides whole relations.
type Access struct {
	// Indexes lists the indexes of a relation that hold, in the snapshot read, what
	// the relation holds.
	Indexes func(o *catalog.Object) []*catalog.Object
	Off     bool // only whole relations, and rows by their whole primary key
	// Above keeps conditions out of scans: rows for which one fails can be left out then.
	Above bool
}

// orderWish asks the scan of a relation for the first rows in an order.
type orderWish struct {
	scan *logical.Scan
	keys []logical.SortKey
	rows int64
}

// path is one way to read a relation: by its own key or by an index.
type path struct {
	index    *catalog.Object // nil: by its own key
	spec     *op.IndexScan
	text     []string
	used     int  // conditions that the key decides alone
	ranged   bool // a range behind the equalities
	ordered  bool // gives the first rows in the wished order
	covering bool
}

// score tells the better path: more equalities, then a range, then an order, then
// no look-up.
func (p *path) score() int {
	n := 8 * len(p.spec.Eq)
	if p.ranged {
		n += 4
	}
	if p.ordered {
		n += 6
	}
	if p.covering {
		n++
	}
	return n
}

// readBy lowers the scan of a relation in a SELECT under conditions, which the
// caller checks again.
func (l *lowerer) readBy(n *logical.Scan, conds []expr.Expr, need logical.Set) (*rel, error) {
	point := l.point(n, conds)
	if len(point) > 0 && len(point) == len(n.Obj.Rows.Key) || l.opt.Access.Off {
		return l.scan(n, need, point)
	}
	best := l.path(n, nil, conds, need)
	if l.opt.Access.Indexes != nil {
		for _, ix := range l.opt.Access.Indexes(n.Obj) {
			if p := l.path(n, ix, conds, need); p.score() > best.score() {
				best = p
			}
		}
	}
	if len(best.spec.Eq) == 0 && !best.ranged && !best.ordered {
		return l.scan(n, need, point)
	}
	return l.indexScan(n, best, need), nil
}

// path looks at one way of reading.
func (l *lowerer) path(n *logical.Scan, ix *catalog.Object, conds []expr.Expr, need logical.Set) *path {
	p := &path{index: ix, covering: true, spec: &op.IndexScan{Name: displayName(n.Obj), Table: RowTable(n.Obj)}}
	if ix != nil {
		p.spec.Name, p.spec.Table = ix.Name, RowTable(ix)
		for i, id := range n.Cols {
			p.covering = p.covering && (!need.Has(id) || slices.Contains(ix.Index.From, n.Idx[i]))
		}
	}
	prefixes := 1
	for k := range p.spec.Table.Key {
		subject := l.subject(n, ix, p.spec.Table.Key[k].Col)
		if subject == nil {
			break
		}
		values, cond := equalities(subject, conds)
		if values != nil && prefixes*len(values) <= 1000 {
			prefixes *= len(values)
			p.used++
			p.spec.Eq = append(p.spec.Eq, values)
			p.text = append(p.text, l.show(cond))
			continue
		}
		l.ranges(p, subject, conds)
		break
	}
	p.order(l, n, conds)
	return p
}

// subject is what a key column of the path holds, over the columns of the scan;
// nil if the scan does not have it.
func (l *lowerer) subject(n *logical.Scan, ix *catalog.Object, col int) expr.Expr {
	from := col
	if ix != nil {
		if from = ix.Index.From[col]; from < 0 {
			return l.indexed(n, ix.Index.Exprs[col])
		}
	}
	at := slices.Index(n.Idx, from)
	if at < 0 {
		return nil
	}
	return l.meta.Ref(n.Cols[at])
}

// indexed is a pinned expression over the scan's columns; nil if it lacks one.
func (l *lowerer) indexed(n *logical.Scan, pinned []byte) expr.Expr {
	e, err := funcs.Unmarshal(pinned)
	if err != nil {
		return nil
	}
	complete := true
	e = expr.Rewrite(e, func(x expr.Expr) expr.Expr {
		c, ok := x.(*expr.Col)
		if !ok {
			return x
		}
		at := slices.Index(n.Idx, c.Index)
		if at < 0 {
			complete = false
			return x
		}
		return l.meta.Ref(n.Cols[at])
	})
	if !complete {
		return nil
	}
	return e
}

// equalities finds the values that a condition allows the subject to have.
func equalities(subject expr.Expr, conds []expr.Expr) ([]expr.Expr, expr.Expr) {
	for _, c := range conds {
		if in, ok := c.(*expr.In); ok && !in.Not && expr.Equal(in.Arg, subject) {
			var out []expr.Expr
			for _, d := range in.List {
				out = append(out, &expr.Const{Value: d, T: subject.Type()})
			}
			return out, c
		}
		if name, v := comparison(c, subject); name == "=" {
			return []expr.Expr{v}, c
		}
	}
	return nil, nil
}

var flipped = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// comparison recognises subject op value and value op subject, as the former.
// The value is of a kind whose keys compare with the subject's.
func comparison(c, subject expr.Expr) (name string, value expr.Expr) {
	call, ok := c.(*expr.Call)
	if !ok || len(call.Args) != 2 || flipped[call.Def.Name] == "" {
		return "", nil
	}
	name = call.Def.Name
	value = call.Args[1]
	if !expr.Equal(call.Args[0], subject) {
		if name, value = flipped[name], call.Args[0]; !expr.Equal(call.Args[1], subject) {
			return "", nil
		}
	}
	t, v := subject.Type(), value.Type()
	if !logical.Cols(value).Empty() || expr.VolatilityOf(value) == expr.VolatileFn || !(v.SameKind(t) || v.IsInteger() && t.IsInteger()) {
		return "", nil
	}
	return name, value
}

// ranges takes the bounds of the subject from the conditions.
func (l *lowerer) ranges(p *path, subject expr.Expr, conds []expr.Expr) {
	for _, c := range conds {
		name, v := comparison(c, subject)
		b := op.IndexBound{E: v, Incl: strings.HasSuffix(name, "=")}
		switch {
		case (name == ">" || name == ">=") && p.spec.Low.E == nil:
			p.spec.Low = b
		case (name == "<" || name == "<=") && p.spec.High.E == nil:
			p.spec.High = b
		default:
			continue
		}
		p.ranged = true
		p.text = append(p.text, l.show(c))
	}
}

// order sees whether the path gives the first rows that are wished for: all
// conditions are equalities, and the key goes on with the wished columns.
func (p *path) order(l *lowerer, n *logical.Scan, conds []expr.Expr) {
	w := l.wish
	if w == nil || w.scan != n || p.used != len(conds) || p.ranged {
		return
	}
	rest := p.spec.Table.Key[len(p.spec.Eq):]
	if len(w.keys) > len(rest) {
		return
	}
	for i, k := range w.keys {
		have := rest[i]
		if have.Desc != k.Desc || have.NullsFirst != k.NullsFirst {
			return
		}
		if s := l.subject(n, p.index, have.Col); s == nil || !expr.Equal(s, l.meta.Ref(k.Col)) {
			return
		}
	}
	p.ordered = true
	p.spec.Limit = max(w.rows, 1)
}

// indexScan is the scan along a path.
func (l *lowerer) indexScan(n *logical.Scan, p *path, need logical.Set) *rel {
	ids, at := chosen(n.Cols, n.Idx, need)
	s := p.spec
	s.Cols, s.Out, s.Conds = at, l.schema(ids), strings.Join(p.text, ", ")
	switch {
	case p.index == nil:
	case p.covering:
		s.Cols = make([]int, len(at))
		for i, c := range at {
			s.Cols[i] = slices.Index(p.index.Index.From, c)
		}
	}
	if p.index != nil && (!p.covering || slices.Contains(s.Cols, -1)) {
		s.Cols, s.Base = at, RowTable(n.Obj)
		for _, k := range s.Base.Key {
			s.BaseKey = append(s.BaseKey, slices.Index(p.index.Index.From, k.Col))
		}
	}
	return &rel{cols: ids, spec: s}
}

// show prints a condition with the names of its columns.
func (l *lowerer) show(e expr.Expr) string {
	text := colRefs.ReplaceAllStringFunc(e.String(), func(m string) string {
		i, _ := strconv.Atoi(m[1:])
		return l.meta.Cols[i].Name
	})
	if _, ok := e.(*expr.Call); ok {
		text = strings.TrimSuffix(strings.TrimPrefix(text, "("), ")")
	}
	return text
}

var colRefs = regexp.MustCompile(`\$\d+`)

// wished notes that only the first rows of a relation in some order are of use,
// if that is so: ORDER BY .. LIMIT over projections and conditions of one relation.
func (l *lowerer) wished(n *logical.Limit, rows int64) {
	keys := slices.Clone(n.Keys)
	in := n.In
	for {
		switch x := in.(type) {
		case *logical.Project:
			for i, k := range keys {
				at := slices.IndexFunc(x.Items, func(it logical.Item) bool { return it.Col == k.Col })
				if at < 0 {
					return
				}
				c, ok := x.Items[at].E.(*expr.Col)
				if !ok {
					return
				}
				keys[i].Col = c.Index
			}
			in = x.In
			continue
		case *logical.Filter:
			if s, ok := x.In.(*logical.Scan); ok {
				l.wish = &orderWish{scan: s, keys: keys, rows: rows}
			}
		case *logical.Scan:
			l.wish = &orderWish{scan: x, keys: keys, rows: rows}
		}
		return
	}
}
