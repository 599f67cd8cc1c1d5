package executor

import (
	"fmt"
	"strings"

	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// Plan is the physical plan of one job: fragments joined by exchanges. It is
// pinned in the catalog and never changes while the job lives, but for the
// parallelism that Graph resolves when it starts the job.
type Plan struct {
	Job stream.JobID `json:"job"`
	// Fragments in an order in which every Input names an earlier one. The last
	// is the job's output: what downstream jobs read (Input.Upstream).
	Fragments []Fragment `json:"fragments"`
	// Parallelism is that of fragments that leave it open; 0: the graph's default.
	Parallelism int `json:"parallelism,omitempty"`
	// NullOnError: an expression that fails for a row gives NULL for it, and is
	// counted (Graph.ExprErrors); else it ends the job.
	NullOnError bool `json:"nullOnError,omitempty"`
}

// Fragment is a tree of operators that runs in one task per instance. Between
// the operators of a fragment calls are direct; rows cross to another fragment
// over edges.
type Fragment struct {
	ID   int  `json:"id"` // what Input.Fragment names; unique in the plan
	Root Spec `json:"root"`
	// Parallelism is the number of instances; 1: a singleton, 0: the default of the graph.
	Parallelism int `json:"parallelism"`
	// Out says how the rows of Root lie over the instances: Hash when each row is
	// at the instance that owns its vnode. It is a property (for EXPLAIN, and for
	// planning Forward inputs); what moves rows is the Dist of each Input.
	Out Distribution `json:"out"`
	// Once: a SELECT must not run it twice, whatever memory its rows take: it would
	// give other rows. A job runs each fragment once anyway.
	Once bool `json:"-"`
	// Name is that of the common table expression, for EXPLAIN.
	Name string `json:"-"`
}

// DistKind is how the rows of a producer reach the instances of a consumer.
type DistKind uint8

// The kinds of distribution.
const (
	Single    DistKind = iota // all rows to instance 0 of a consumer that runs alone
	Hash                      // each row to the instance that owns the vnode of its Cols
	Forward                   // instance i to instance i; both sides have the same parallelism
	Broadcast                 // every row to every instance
	Random                    // any instance, whole batches in turn: for stateless consumers
)

var distNames = [...]string{"single", "hash", "forward", "broadcast", "random"}

// Distribution names a way to spread rows. Cols counts only for Hash.
type Distribution struct {
	Kind DistKind `json:"kind"`
	Cols []int    `json:"cols,omitempty"` // positions in the producer's output
}

// String prints the distribution for EXPLAIN: "hash(0, 2)".
func (d Distribution) String() string {
	name := "?"
	if int(d.Kind) < len(distNames) {
		name = distNames[d.Kind]
	}
	if d.Kind != Hash {
		return name
	}
	parts := make([]string, len(d.Cols))
	for i, c := range d.Cols {
		parts[i] = fmt.Sprint(c)
	}
	return name + "(" + strings.Join(parts, ", ") + ")"
}

// Input is the leaf of a fragment where rows of another fragment arrive: of the
// same job (Upstream 0, Fragment is its ID), or of another job's last fragment
// (Upstream is that job). It never runs as an operator: the task feeds the
// parent with what comes over its edges, one edge per producer instance.
type Input struct {
	Fragment int          `json:"fragment,omitempty"`
	Upstream stream.JobID `json:"upstream,omitempty"`
	Dist     Distribution `json:"dist"`
	Cols     types.Schema `json:"cols"` // the producer's output columns
	// Optional: when the upstream job fails, this one goes on without it, with what
	// the upstream's whole epochs brought: see Forgetter.
	Optional bool `json:"optional,omitempty"`
}

// Kind is "Exchange".
func (*Input) Kind() string { return "Exchange" }

// Inputs is nil: an Input is a leaf of its fragment.
func (*Input) Inputs() []Spec { return nil }

// Schema is the producer's output.
func (in *Input) Schema() types.Schema { return in.Cols }

// State is nil: an edge holds no state.
func (*Input) State() []storage.TableDef { return nil }

// Explain names the producer and the distribution.
func (in *Input) Explain() string {
	if in.Upstream != 0 {
		return fmt.Sprintf("job %d %s", in.Upstream, in.Dist)
	}
	return fmt.Sprintf("fragment %d %s", in.Fragment, in.Dist)
}

// Open passes what arrives through: a fragment whose root is an Input is legal.
func (in *Input) Open(*OpenCtx) (Operator, error) { return passThrough{}, nil }

// passThrough stands where an Input is in the tree of operators; batches enter
// at its parent, so it only runs when it is the root of a fragment.
type passThrough struct{ Base }

func (passThrough) Borrows() bool { return true }

func (passThrough) Process(_ *Ctx, _ int, b *stream.Batch, out Emitter) error { return out.Emit(b) }

func (passThrough) Watermark(_ *Ctx, _ int, w stream.Watermark, out Emitter) error {
	return out.EmitWatermark(w)
}

// Walk calls fn for spec and everything below it in its fragment, parents first.
func Walk(spec Spec, fn func(Spec)) {
	fn(spec)
	for _, in := range spec.Inputs() {
		Walk(in, fn)
	}
}

// Upstreams lists the jobs whose output the plan reads, without repeats, in
// order of their first use.
func (p *Plan) Upstreams() []stream.JobID {
	var ids []stream.JobID
	seen := map[stream.JobID]bool{}
	for i := range p.Fragments {
		Walk(p.Fragments[i].Root, func(s Spec) {
			if in, ok := s.(*Input); ok && in.Upstream != 0 && !seen[in.Upstream] {
				seen[in.Upstream] = true
				ids = append(ids, in.Upstream)
			}
		})
	}
	return ids
}

// Tables lists the state tables of all operators of the plan.
func (p *Plan) Tables() []storage.TableDef {
	var defs []storage.TableDef
	for i := range p.Fragments {
		Walk(p.Fragments[i].Root, func(s Spec) { defs = append(defs, s.State()...) })
	}
	return defs
}

// Output is the schema of the last fragment: what downstream jobs read.
func (p *Plan) Output() types.Schema { return p.Fragments[len(p.Fragments)-1].Root.Schema() }

// Validate checks that inputs name earlier fragments with the same columns and
// that distributions name columns that exist. A violation is a fault of the
// planner.
func (p *Plan) Validate() error {
	if len(p.Fragments) == 0 {
		return fmt.Errorf("executor: job %d has no fragments", p.Job)
	}
	seen := map[int]*Fragment{}
	for i := range p.Fragments {
		f := &p.Fragments[i]
		if seen[f.ID] != nil {
			return fmt.Errorf("executor: job %d: fragment %d appears twice", p.Job, f.ID)
		}
		var err error
		Walk(f.Root, func(s Spec) {
			if in, ok := s.(*Input); ok && err == nil {
				err = in.validate(seen)
			}
		})
		if err != nil {
			return fmt.Errorf("executor: job %d, fragment %d: %w", p.Job, f.ID, err)
		}
		seen[f.ID] = f
	}
	return nil
}

func (in *Input) validate(earlier map[int]*Fragment) error {
	for _, c := range in.Dist.Cols {
		if c < 0 || c >= len(in.Cols) {
			return fmt.Errorf("input distributed by column %d of %d", c, len(in.Cols))
		}
	}
	if in.Upstream != 0 {
		return nil
	}
	f := earlier[in.Fragment]
	if f == nil {
		return fmt.Errorf("input names fragment %d, which is not before it", in.Fragment)
	}
	out := f.Root.Schema()
	if len(out) != len(in.Cols) {
		return fmt.Errorf("input has %d columns, fragment %d gives %d", len(in.Cols), in.Fragment, len(out))
	}
	for i := range out {
		if out[i].Type.Layout() != in.Cols[i].Type.Layout() {
			return fmt.Errorf("column %d of the input and of fragment %d lie differently in memory", i, in.Fragment)
		}
	}
	return nil
}
