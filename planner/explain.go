package planner

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"streamdb/executor"
	"streamdb/planner/lower"
	"streamdb/types"
)

// Explain prints the operators of a query, one a line, inputs indented below.
// What is computed once for several places follows. verbose adds output columns.
func Explain(p *executor.Plan, verbose bool) string {
	x := explainer{query: true, verbose: verbose}
	reads := readers(p)
	last := len(p.Fragments) - 1
	x.tree(p.Fragments[last].Root, 0)
	for i := last - 1; i >= 0; i-- {
		f := &p.Fragments[i]
		name := ""
		if f.Name != "" {
			name = " " + f.Name
		}
		fmt.Fprintf(&x.b, "Shared %d%s (%s)\n", f.ID, name, times(reads[f.ID]))
		x.tree(f.Root, 1)
	}
	return x.b.String()
}

// ExplainJob prints a job's fragments, the last (its output) first. verbose adds
// output columns and state tables. Warnings follow.
func ExplainJob(p *executor.Plan, verbose bool) string { return explainJob(p, verbose, nil) }

func explainJob(p *executor.Plan, verbose bool, props map[executor.Spec]lower.Properties) string {
	x := explainer{verbose: verbose, props: props}
	b, reads := &x.b, readers(p)
	for i := len(p.Fragments) - 1; i >= 0; i-- {
		f := &p.Fragments[i]
		par := "default"
		if f.Parallelism > 0 {
			par = strconv.Itoa(f.Parallelism)
		}
		shared := ""
		if n := reads[f.ID]; n > 1 {
			shared = fmt.Sprintf(", read %d times", n)
		}
		fmt.Fprintf(b, "Fragment %d (parallelism %s, rows %s%s)\n", f.ID, par, named(f.Out, f.Root.Schema()), shared)
		x.tree(f.Root, 1)
	}
	for _, w := range warnings(p) {
		b.WriteString(w + "\n")
	}
	return b.String()
}

// readers counts the Inputs of each fragment.
func readers(p *executor.Plan) map[int]int {
	n := map[int]int{}
	for i := range p.Fragments {
		executor.Walk(p.Fragments[i].Root, func(s executor.Spec) {
			if in, ok := s.(*executor.Input); ok && in.Upstream == 0 {
				n[in.Fragment]++
			}
		})
	}
	return n
}

// explainer prints trees of operators.
type explainer struct {
	b       strings.Builder
	query   bool // a SELECT: its Inputs read what is Shared
	verbose bool
	props   map[executor.Spec]lower.Properties
}

func (x *explainer) tree(s executor.Spec, depth int) {
	indent := strings.Repeat("  ", depth)
	text := s.Kind() + " " + line(s)
	if in, ok := s.(*executor.Input); ok && x.query {
		text = fmt.Sprintf("Shared %d %s", in.Fragment, nameList(in.Cols))
	}
	x.b.WriteString(indent + strings.TrimRight(text, " ") + "\n")
	if x.verbose {
		fmt.Fprintf(&x.b, "%s    output: %s\n", indent, columns(s.Schema()))
		if p, ok := x.props[s]; ok {
			fmt.Fprintf(&x.b, "%s    known: %s\n", indent, known(p))
		}
		for _, t := range s.State() {
			fmt.Fprintf(&x.b, "%s    state: %s (table %d)%s\n", indent, t.Name, t.ID, stateKey(s, t))
		}
	}
	for _, in := range s.Inputs() {
		x.tree(in, depth+1)
	}
}

// nameList lists the names of columns: "[a, b]".
func nameList(s types.Schema) string {
	names := make([]string, len(s))
	for i, c := range s {
		names[i] = c.Name
	}
	return "[" + strings.Join(names, ", ") + "]"
}

// line is the operator's own line with columns by name.
func line(s executor.Spec) string {
	if in, ok := s.(*executor.Input); ok {
		from := fmt.Sprintf("fragment %d", in.Fragment)
		if in.Upstream != 0 {
			from = fmt.Sprintf("job %d", in.Upstream)
		}
		return "from " + from + " " + named(in.Dist, in.Cols)
	}
	var cols types.Schema
	for _, in := range s.Inputs() {
		cols = append(cols, in.Schema()...)
	}
	return positions.ReplaceAllStringFunc(s.Explain(), func(m string) string {
		i, _ := strconv.Atoi(m[1:])
		if i < len(cols) && cols[i].Name != "" && cols[i].Name != "?column?" {
			return cols[i].Name
		}
		return m
	})
}

var positions = regexp.MustCompile(`\$\d+`)

func named(d executor.Distribution, cols types.Schema) string {
	if d.Kind != executor.Hash {
		return d.String()
	}
	names := make([]string, len(d.Cols))
	for i, c := range d.Cols {
		names[i] = cols[c].Name
	}
	return "hash(" + strings.Join(names, ", ") + ")"
}

func columns(s types.Schema) string {
	names := make([]string, len(s))
	for i, c := range s {
		names[i] = c.Name + " " + c.Type.String()
	}
	return strings.Join(names, ", ")
}

// times is "once" or "3 times" behind "read".
func times(n int) string {
	if n == 1 {
		return "read once"
	}
	return fmt.Sprintf("read %d times", n)
}
