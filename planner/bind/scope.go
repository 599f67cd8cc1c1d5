package bind

import (
	"strings"

	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
)

// scopeCol is a column that expressions may name.
type scopeCol struct {
	rel, schema string // alias of its relation; schema only for a relation without an alias
	name        string
	id          logical.ColID
	hidden      bool // named with its relation only: system columns, sides of USING; not in *
}

// relation is an element of FROM.
type relation struct {
	name   string
	schema string          // of a relation without alias
	pk     []logical.ColID // primary key, for functional dependencies
	cols   []logical.ColID
}

// scope is what expressions at one place may name; parent is the outer query's.
type scope struct {
	parent *scope
	cols   []scopeCol
	rels   []relation
	ctes   *cteEnv
	owner  *exprCtx // where aggregates over these columns belong, while the SELECT's outputs are bound
}

// cteEnv is a list of WITH queries, the innermost first.
type cteEnv struct {
	next  *cteEnv
	cte   *ast.CTE
	env   *cteEnv // what the CTE itself sees
	outer *scope  // the scope around the WITH
	self  bool    // a recursive one, inside its own definition
	// common is the query if it is computed once; nil: bound anew at each use.
	common *Rel
	of     *logical.CommonQuery
	used   bool // it was bound before
}

func (s *scope) findCTE(name string) *cteEnv {
	for e := s.ctes; e != nil; e = e.next {
		if e.cte.Name == name {
			return e
		}
	}
	return nil
}

// join is the scope of a join: both sides' columns.
func (s *scope) add(o *scope) {
	s.cols = append(s.cols, o.cols...)
	s.rels = append(s.rels, o.rels...)
}

// lookup finds a column by its possibly qualified name, outwards.
func (b *Binder) lookup(sc *scope, ref *ast.ColumnRef) (*expr.Col, error) {
	name := ref.Parts[len(ref.Parts)-1]
	rel, schema := "", ""
	if n := len(ref.Parts); n > 1 {
		rel = ref.Parts[n-2]
		if n > 2 {
			schema = ref.Parts[n-3]
		}
	}
	relSeen := false
	for s := sc; s != nil; s = s.parent {
		if rel != "" && schema == "" && s.sameName(rel) {
			return nil, b.errAt(ref, sqlerr.AmbiguousAlias, "table reference \"%s\" is ambiguous", rel)
		}
		var found *scopeCol
		for i := range s.cols {
			c := &s.cols[i]
			if rel != "" && (c.rel != rel || schema != "" && c.schema != schema) {
				continue
			}
			relSeen = relSeen || rel != ""
			if c.name != name || rel == "" && c.hidden {
				continue
			}
			if found != nil && found.id != c.id {
				return nil, b.errAt(ref, sqlerr.AmbiguousColumn, "column reference \"%s\" is ambiguous", name)
			}
			found = c
		}
		if found != nil {
			c := b.Meta.Ref(found.id)
			b.used.Add(found.id)
			b.where[c] = ref.At()
			return c, nil
		}
		if rel != "" {
			for _, r := range s.rels {
				relSeen = relSeen || r.name == rel && (schema == "" || r.schema == schema)
			}
			if relSeen {
				break
			}
		}
	}
	if rel == "" { // system columns such as _row_id may be named without their table
		for s := sc; s != nil; s = s.parent {
			for _, c := range s.cols {
				if c.name == name && c.hidden && (name == "tableoid" || strings.HasPrefix(name, "_row_id")) {
					b.used.Add(c.id)
					return b.Meta.Ref(c.id), nil
				}
			}
		}
	}
	return nil, b.missingColumn(sc, ref, rel, name, relSeen)
}

func (b *Binder) missingColumn(sc *scope, ref *ast.ColumnRef, rel, name string, relSeen bool) error {
	if rel != "" && !relSeen {
		err := b.errAt(ref, sqlerr.UndefinedTable, "missing FROM-clause entry for table \"%s\"", rel)
		for s := sc; s != nil; s = s.parent {
			for _, c := range s.cols {
				if c.rel == rel {
					return b.errAt(ref, sqlerr.UndefinedTable, "invalid reference to FROM-clause entry for table \"%s\"", rel)
				}
			}
		}
		return err
	}
	shown := "\"" + name + "\""
	if rel != "" {
		shown = rel + "." + name
	}
	err := b.errAt(ref, sqlerr.UndefinedColumn, "column %s does not exist", shown)
	var best []string
	dist := 1 + len(name)/2
	for s := sc; s != nil; s = s.parent {
		for _, c := range s.cols {
			if c.hidden || rel != "" && c.rel != rel || strings.HasPrefix(c.name, "?") {
				continue
			}
			full := c.rel + "." + c.name
			d := editDistance(name, c.name)
			if d < dist {
				best, dist = []string{full}, d
			} else if d == dist && len(best) > 0 && best[0] != full {
				best = append(best, full)
			}
		}
	}
	switch {
	case len(best) == 1:
		err.WithHint("Perhaps you meant to reference the column \"%s\".", best[0])
	case len(best) == 2:
		err.WithHint("Perhaps you meant to reference the column \"%s\" or the column \"%s\".", best[0], best[1])
	}
	return err
}

// editDistance is Levenshtein's.
func editDistance(a, c string) int {
	row := make([]int, len(c)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		prev := row[0]
		row[0] = i
		for j := 1; j <= len(c); j++ {
			cost := prev
			if a[i-1] != c[j-1] {
				cost++
			}
			prev = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(c)]
}

// sameName reports whether two tables of the scope, of different schemas, have the name.
func (s *scope) sameName(name string) bool {
	n := 0
	for i := range s.rels {
		if s.rels[i].name == name {
			n++
		}
	}
	return n > 1
}

// relOf finds the element of FROM with a name, perhaps qualified, in the scope
// itself or outwards.
func (s *scope) relOf(parts ...string) *relation {
	name, schema := parts[len(parts)-1], ""
	if len(parts) > 1 {
		schema = parts[len(parts)-2]
	}
	for ; s != nil; s = s.parent {
		for i := range s.rels {
			if s.rels[i].name == name && (schema == "" || s.rels[i].schema == schema) {
				return &s.rels[i]
			}
		}
	}
	return nil
}
