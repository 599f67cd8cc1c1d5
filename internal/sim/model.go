package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// row is a row of a table, without its key.
type row struct {
	g, v int
	s    string
}

// table is what a table holds: key -> row.
type table map[int]row

// lines is the table as SELECT k, g, v, s shows it, sorted.
func (t table) lines() []string {
	var out []string
	for k, r := range t {
		out = append(out, fmt.Sprintf("%d|%d|%d|%s", k, r.g, r.v, r.s))
	}
	slices.Sort(out)
	return out
}

// kind is what an object is.
type kind string

const (
	kindView  kind = "materialized view"
	kindIndex kind = "index"
	kindSink  kind = "sink"  // into the ledger
	kindInto  kind = "into"  // a sink into a table
	kindTable kind = "table" // the target of one
)

// object is what a client made beside its tables.
type object struct {
	kind  kind
	name  string
	query string   // of a view; for a sink, what its sum must be; for a target, what it must hold
	reads []string // objects that must not be dropped before it
}

// state is what a client's statements amount to. It is never changed, but
// replaced by the state after the next statement.
type state struct {
	tables  map[string]table
	objects map[string]object
}

func (s *state) clone() *state {
	return &state{maps.Clone(s.tables), maps.Clone(s.objects)}
}

// with is the state in which a table holds other rows.
func (s *state) with(name string, change func(t table)) *state {
	n := s.clone()
	n.tables[name] = maps.Clone(n.tables[name])
	change(n.tables[name])
	return n
}

// rows is a state's tables and the names of its objects as text: what is
// compared with the database.
func (s *state) text() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.tables)) {
		fmt.Fprintf(&b, "table %s:\n%s\n", name, strings.Join(s.tables[name].lines(), "\n"))
	}
	fmt.Fprintf(&b, "objects: %s\n", strings.Join(slices.Sorted(maps.Keys(s.objects)), " "))
	return b.String()
}

// unread are the objects that no other one reads, of the kinds that can be dropped.
func (s *state) unread() []object {
	read := map[string]bool{}
	for _, o := range s.objects {
		for _, r := range o.reads {
			read[r] = true
		}
	}
	var out []object
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		if o := s.objects[name]; !read[name] {
			out = append(out, o)
		}
	}
	return out
}

// sorted is rows as one text.
func sorted(rows []string) string {
	slices.Sort(rows)
	return strings.Join(rows, "\n")
}
