package logical

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"streamdb/expr"
)

// Classes partitions the nodes of a tree: nodes of one class compute the same
// rows, up to the identity of columns. The tree becomes a DAG of classes, in
// which a class that has several parents is worth computing once.
//
// The class of a node follows from its kind, the classes of its inputs and its
// own expressions, in which a column is named by its place in the list of the
// columns that the tree below makes (hash consing, bottom-up). What is volatile,
// and kinds of nodes that this file does not know, equal nothing but themselves.
type Classes struct {
	of     map[Node]*Class
	bySig  map[string]*Class
	common map[*CommonQuery]int
}

// Class is a set of nodes that compute the same.
type Class struct {
	ID   int
	Refs int // distinct parents in the DAG of classes; the root has none
}

// classed is a node's class together with the columns made at and below it: at
// equal places for all nodes of the class.
type classed struct {
	class *Class
	cols  []ColID
}

// ClassesOf finds the classes of a tree and of the common queries that it reads.
// cols(n) lists the columns that the tree below n makes, in the order of the class.
func ClassesOf(root Node) (c *Classes, cols func(Node) []ColID) {
	c = &Classes{of: map[Node]*Class{}, bySig: map[string]*Class{}, common: map[*CommonQuery]int{}}
	made, seen := map[Node][]ColID{}, map[*Class]bool{}
	for i, q := range CommonQueries(root) {
		c.common[q] = i
		c.node(q.Root, made)
		c.refs(q.Root, seen)
	}
	c.node(root, made)
	c.refs(root, seen)
	return c, func(n Node) []ColID { return made[n] }
}

// Repeats reports whether a tree computes something in several places.
func Repeats(root Node) bool {
	branches := false
	for _, q := range CommonQueries(root) {
		branches = branches || forks(q.Root)
	}
	if !branches && !forks(root) {
		return false // a chain
	}
	c, _ := ClassesOf(root)
	return c.Repeat()
}

// forks reports whether some node of the tree has several inputs.
func forks(n Node) bool {
	ins := n.Inputs()
	return len(ins) > 1 || len(ins) == 1 && forks(ins[0])
}

// Of is the class of a node of the tree.
func (c *Classes) Of(n Node) *Class { return c.of[n] }

// Repeat reports whether some class has several parents.
func (c *Classes) Repeat() bool {
	for _, class := range c.bySig {
		if class.Refs > 1 {
			return true
		}
	}
	return false
}

// refs counts the references of each class: below a class that was seen already
// nothing counts again.
func (c *Classes) refs(n Node, seen map[*Class]bool) {
	class := c.of[n]
	if seen[class] {
		return
	}
	seen[class] = true
	for _, in := range n.Inputs() {
		c.of[in].Refs++
		c.refs(in, seen)
	}
}

func (c *Classes) node(n Node, made map[Node][]ColID) classed {
	if class, ok := c.of[n]; ok {
		return classed{class, made[n]}
	}
	s := &signature{at: map[ColID]int{}, common: c.common}
	for _, in := range n.Inputs() {
		below := c.node(in, made)
		s.text("<", strconv.Itoa(below.class.ID), ">")
		s.add(below.cols...)
	}
	s.volatile = slices.ContainsFunc(Exprs(n), func(e expr.Expr) bool { return expr.VolatilityOf(e) == expr.VolatileFn })
	if known := s.node(n); !known || s.volatile {
		s.text(" node ", strconv.Itoa(len(c.of)))
	}
	sig := s.b.String()
	class := c.bySig[sig]
	if class == nil {
		class = &Class{ID: len(c.bySig)}
		c.bySig[sig] = class
	}
	c.of[n], made[n] = class, s.cols
	return classed{class, s.cols}
}

// signature is the text of a node that decides its class.
type signature struct {
	b        strings.Builder
	cols     []ColID
	at       map[ColID]int
	common   map[*CommonQuery]int
	volatile bool
}

func (s *signature) text(parts ...string) {
	for _, p := range parts {
		s.b.WriteString(p)
	}
}

// add appends columns that are made here.
func (s *signature) add(ids ...ColID) {
	for _, id := range ids {
		if id == 0 {
			continue
		}
		if _, ok := s.at[id]; !ok {
			s.at[id] = len(s.cols)
		}
		s.cols = append(s.cols, id)
	}
}

// col writes a column that is read.
func (s *signature) col(id ColID) {
	if p, ok := s.at[id]; ok {
		fmt.Fprintf(&s.b, "#%d ", p)
	} else { // of an outer query, or none
		fmt.Fprintf(&s.b, "$%d ", id)
	}
}

func (s *signature) colList(ids []ColID) {
	for _, id := range ids {
		s.col(id)
	}
	s.text(";")
}

func (s *signature) sortKeys(keys []SortKey) {
	for _, k := range keys {
		s.col(k.Col)
		fmt.Fprint(&s.b, k.Desc, k.NullsFirst, " ")
	}
	s.text(";")
}

func (s *signature) expr(e expr.Expr) string {
	var b strings.Builder
	writeKeyAs(&b, e, func(id ColID) string {
		if p, ok := s.at[id]; ok {
			return "#" + strconv.Itoa(p)
		}
		return "$" + strconv.Itoa(id)
	})
	return b.String()
}

// conds writes conjuncts, whose order does not matter.
func (s *signature) conds(es []expr.Expr) {
	keys := make([]string, len(es))
	for i, e := range es {
		keys[i] = s.expr(e)
	}
	slices.Sort(keys)
	for _, k := range keys {
		s.text(k, "&")
	}
}

func (s *signature) exprs(es ...expr.Expr) {
	for _, e := range es {
		s.text(s.expr(e), ",")
	}
}

// leaf writes what a scan reads, and makes its columns.
func (s *signature) leaf(kind string, of any, cols []ColID, idx []int) {
	s.text(kind, fmt.Sprint(of, idx))
	s.add(cols...)
}

// node writes the node itself and makes its columns. known is false for a kind
// of node that this file does not know.
func (s *signature) node(n Node) (known bool) {
	s.text(strings.TrimPrefix(fmt.Sprintf("%T ", n), "*logical."))
	switch n := n.(type) {
	case *Scan:
		s.leaf("table ", n.Obj.ID, n.Cols, n.Idx)
	case *SourceScan:
		s.leaf("source ", n.Obj.ID, n.Cols, n.Idx)
	case *Virtual:
		s.leaf(n.Schema+".", n.Name, n.Cols, n.Idx)
	case *Common:
		s.text(strconv.Itoa(s.common[n.Of]))
		s.add(n.Cols...)
	case *Values:
		for _, r := range n.Rows {
			s.exprs(r...)
			s.text(";")
		}
		s.add(n.Cols...)
	case *Filter:
		s.conds(n.Conds)
	case *Project:
		s.project(n)
	case *Join:
		s.text(strconv.Itoa(int(n.Kind)), " ")
		s.conds(n.On)
	case *LookupJoin:
		s.text(fmt.Sprint(n.Mode, n.Kind), " ")
		s.conds(n.On)
	case *Agg:
		s.agg(n)
	case *Union:
		for _, in := range n.InCols {
			s.colList(in)
		}
		s.add(n.Cols...)
	case *Sort:
		s.sortKeys(n.Keys)
	case *Limit:
		s.colList(n.Group)
		s.sortKeys(n.Keys)
		s.exprs(n.Limit, n.Offset)
		s.text(strconv.FormatBool(n.WithTies), strconv.FormatBool(n.Dense))
	case *Watermark:
		s.col(n.Col)
		s.exprs(n.E)
	case *Hop:
		s.col(n.Time)
		s.text(fmt.Sprint(n.Slide, n.Size, n.Offset, n.Cumulate))
		s.add(n.Start, n.End)
	case *Window:
		s.window(n)
	case *ProjectSet:
		for _, c := range n.Calls {
			s.text(c.Func, "(")
			s.exprs(c.Args...)
			s.add(c.Col)
		}
		s.text(strconv.FormatBool(n.Ordinality != 0))
		s.add(n.Ordinality)
	case *SingleRow:
	default:
		return false
	}
	return true
}

// made is a column and the text of what it is.
type made struct {
	id   ColID
	text string
}

// unordered writes and adds columns that are made in no particular order.
func (s *signature) unordered(list []made) {
	slices.SortStableFunc(list, func(a, b made) int { return strings.Compare(a.text, b.text) })
	for _, m := range list {
		s.text(m.text, ",")
	}
	for _, m := range list {
		s.add(m.id)
	}
}

// project tells columns that are passed on, which keep their place, from those
// that are computed.
func (s *signature) project(n *Project) {
	var pass, computed []made
	for _, it := range n.Items {
		if c, ok := it.E.(*expr.Col); ok && c.Index == it.Col {
			pass = append(pass, made{text: "pass " + s.expr(it.E)})
			continue
		}
		computed = append(computed, made{it.Col, s.expr(it.E)})
	}
	s.unordered(pass)
	s.unordered(computed)
}

// agg writes keys and aggregates, the order of which does not matter.
func (s *signature) agg(n *Agg) {
	s.text(strconv.FormatBool(n.Scalar), " ")
	keys := slices.Clone(n.Keys)
	slices.SortFunc(keys, func(a, b ColID) int { return s.at[a] - s.at[b] })
	s.colList(keys)
	var aggs []made
	for _, a := range n.Aggs {
		one := &signature{at: s.at}
		one.text(a.Def, "(")
		one.colList(a.Args)
		one.text(strconv.FormatBool(a.Distinct), " ")
		one.col(a.Filter)
		one.sortKeys(a.OrderBy)
		aggs = append(aggs, made{a.Col, one.b.String()})
	}
	s.unordered(aggs)
}

// window writes window functions, the order of which does not matter.
func (s *signature) window(n *Window) {
	s.colList(n.Partition)
	s.sortKeys(n.Keys)
	var calls []made
	for _, c := range n.Calls {
		one := &signature{at: s.at}
		f := c.Frame
		one.text(c.Func, c.Agg, "(")
		one.colList(c.Args)
		one.colList([]ColID{c.Filter, c.ShiftCol, c.Default, f.Start.Col, f.End.Col})
		one.exprs(c.Shift, f.Start.Offset, f.End.Offset)
		one.text(fmt.Sprint(c.IgnoreNulls, f.Mode, f.Start.Kind, f.End.Kind, f.Exclude))
		calls = append(calls, made{c.Col, one.b.String()})
	}
	s.unordered(calls)
}
