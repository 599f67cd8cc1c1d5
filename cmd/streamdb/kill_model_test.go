package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// killRow is a row of a table of TestKill, without its key.
type killRow struct {
	g, v int
	s    string
}

// killCol is a column that was added to a table; all rows hold its default.
type killCol struct {
	name string
	def  int
}

// killRel is a relation as the model has it. It is never changed, but replaced.
type killRel struct {
	id           int
	kind         string // as DROP and ALTER name it
	schema, name string
	extra        []killCol       // of a table
	rows         map[int]killRow // of a table; nil: they are what query gives
	bulk         int             // rows of a table whose rows are all of one form; -1: no such table
	query        string          // of views, and of the target of a sink; {7} is the name of relation 7
	reads        []int           // relations that take it along when they are dropped with CASCADE
	instances    int             // of a view that is parallel; 0: not compared
	state        string          // of its job: RUNNING, CREATING (it is paused), FAILED
	limit        string          // of the backfill, while CREATING
	comment      string
	fixed        bool // keeps its name and lives as long as the client
}

func (r *killRel) qualified() string { return r.schema + "." + r.name }

// killState is what a client's statements amount to. It is never changed, but
// replaced by the state after the next statement.
type killState struct {
	rels    map[int]*killRel
	setting string // of the database: the one that belongs to the client
}

func (s *killState) clone() *killState { return &killState{maps.Clone(s.rels), s.setting} }

// with is the state in which a relation is changed, or there at all.
func (s *killState) with(r *killRel, change func(r *killRel)) *killState {
	n, c := s.clone(), *r
	c.rows = maps.Clone(r.rows)
	change(&c)
	n.rels[c.id] = &c
	return n
}

// without is the state without a relation and all that reads it.
func (s *killState) without(id int) *killState {
	n := s.clone()
	delete(n.rels, id)
	for {
		gone := slices.IndexFunc(n.list(nil), func(r *killRel) bool {
			return slices.ContainsFunc(r.reads, func(id int) bool { return n.rels[id] == nil })
		})
		if gone < 0 {
			return n
		}
		delete(n.rels, n.list(nil)[gone].id)
	}
}

// list is the relations that a condition holds for (nil: all), in the order of their ids.
func (s *killState) list(if_ func(r *killRel) bool) []*killRel {
	var out []*killRel
	for _, id := range slices.Sorted(maps.Keys(s.rels)) {
		if r := s.rels[id]; if_ == nil || if_(r) {
			out = append(out, r)
		}
	}
	return out
}

// read reports whether others read a relation.
func (s *killState) read(id int) bool {
	return len(s.list(func(r *killRel) bool { return slices.Contains(r.reads, id) })) > 0
}

var killRef = regexp.MustCompile(`\{(\d+)\}`)

// sql is a query with the names that its relations have now.
func (s *killState) sql(query string) string {
	return killRef.ReplaceAllStringFunc(query, func(ref string) string {
		id, _ := strconv.Atoi(strings.Trim(ref, "{}"))
		return s.rels[id].qualified()
	})
}

// relkinds are the kinds as pg_class has them.
var relkinds = map[string]string{"table": "r", "materialized view": "m", "view": "v", "index": "i", "sink": "f", "source": "f"}

// killSeen is a relation in the form in which the model and the database are compared.
type killSeen struct {
	relkind, state, comment, cols, limit string
	instances                            int
	rows                                 []string
}

func (x killSeen) text(name string) string {
	slices.Sort(x.rows)
	return fmt.Sprintf("%s %s %s comment=%q columns=%s limit=%s instances=%d\n%s", name, x.relkind, x.state, x.comment, x.cols, x.limit, x.instances, strings.Join(append(x.rows, ""), "\n"))
}

// text is the state as it should be seen.
func (s *killState) text() string {
	seen := map[string]string{}
	for _, r := range s.rels {
		x := killSeen{relkind: relkinds[r.kind], state: r.state, comment: r.comment, limit: r.limit, instances: r.instances}
		if r.kind == "table" && r.rows != nil {
			x.cols = "k g v s"
			for _, c := range r.extra {
				x.cols += " " + c.name
			}
			for k, row := range r.rows {
				line := fmt.Sprintf("%d|%d|%d|%s", k, row.g, row.v, row.s)
				for _, c := range r.extra {
					line += "|" + strconv.Itoa(c.def)
				}
				x.rows = append(x.rows, line)
			}
		}
		if r.bulk >= 0 && r.kind == "table" {
			x.rows = []string{bulkText(r.bulk)}
		}
		seen[r.qualified()] = x.text(r.qualified())
	}
	return killText(seen, s.setting)
}

func killText(seen map[string]string, setting string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		b.WriteString(seen[name])
	}
	return b.String() + "setting " + setting + "\n"
}

// bulkWidth is the length of the text in each row of a bulk table: some thousand
// rows are more than fits an epoch of the log (storage.Options.IngestBytes).
const bulkWidth = 1500

// bulkText is what killObserver reads of a bulk table of n rows, with the keys 1 to n.
func bulkText(n int) string {
	return fmt.Sprintf("%d|%d|%d", n, n*(n+1)/2, n*bulkWidth)
}
