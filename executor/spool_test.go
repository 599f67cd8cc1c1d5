package executor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// numbered is a leaf that makes the batches 0 .. n-1, at its barrier or a Poll
// each, and counts what it did.
type numbered struct {
	Base
	n, next int
	at      int  // where it fails; -1: nowhere
	atOnce  bool // in Barrier
	ops     *leafCalls
}

type leafCalls struct{ opened, closed, made int }

func (o *numbered) Process(*Ctx, int, *stream.Batch, Emitter) error { return nil }
func (o *numbered) Wake() <-chan struct{}                           { return nil }

func (o *numbered) Poll(_ *Ctx, out Emitter) (bool, error) {
	if o.atOnce || o.next == o.n {
		return false, nil
	}
	return true, o.one(out)
}

func (o *numbered) Barrier(_ *Ctx, _ stream.Barrier, out Emitter) error {
	for o.atOnce && o.next < o.n {
		if err := o.one(out); err != nil {
			return err
		}
	}
	return nil
}

func (o *numbered) one(out Emitter) error {
	if o.next == o.at {
		panic("oops")
	}
	o.next++
	o.ops.made++
	return out.Emit(ints(fmt.Sprint(o.next - 1)))
}

func (o *numbered) Close() error { o.ops.closed++; return nil }

func numberedSpec(n int, atOnce bool, calls *leafCalls) *spec {
	return &spec{kind: "Numbered", open: func(*OpenCtx) (Operator, error) {
		calls.opened++
		return &numbered{n: n, at: -1, atOnce: atOnce, ops: calls}, nil
	}}
}

// TestSpool lets several readers read one fragment, each in its own time: some
// begin late, some leave early. Each gets the rows in order; the fragment goes as far as
// the fastest; what is kept is what the slowest has before it; with little memory
// who has not begun runs it again, unless it must not.
func TestSpool(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "batches")
		size := int64(ints("1").Bytes())
		limit := rapid.SampledFrom([]int64{0, 0, 1, 3}).Draw(t, "limit") * size
		once := rapid.Bool().Draw(t, "once")
		calls := &leafCalls{}
		memory := NewAccountant(limit)
		run := &boundedRun{call: &Ctx{Context: context.Background()}, tmpl: OpenCtx{Memory: memory}, spools: map[int]*spool{}}
		run.add(&Fragment{Root: numberedSpec(n, rapid.Bool().Draw(t, "at once"), calls), Once: once})
		s := run.spools[0]
		s.waiting = rapid.IntRange(1, 4).Draw(t, "readers")
		late := s.waiting
		var readers, gone []*spoolReader
		refused := false
		for step := 0; (late > 0 || len(readers) > 0) && step < 200 && !refused; step++ {
			if late > 0 && (len(readers) == 0 || rapid.IntRange(0, 3).Draw(t, "begin") == 0) {
				readers = append(readers, s.attach(false))
				late--
			}
			i := rapid.IntRange(0, len(readers)-1).Draw(t, "who")
			r := readers[i]
			if rapid.IntRange(0, 9).Draw(t, "leave") == 0 {
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
				readers, gone = slices.Delete(readers, i, i+1), append(gone, r)
				continue
			}
			before := r.at
			b, err := r.spool.read(r)
			switch {
			case err != nil:
				refused = true
				behind := slices.ContainsFunc(s.readers, func(o *spoolReader) bool { return o != r && o.at > 0 && o.at <= before })
				if limit == 0 || sqlerr.Code(err) != sqlerr.OutOfMemory || !once && !behind {
					t.Fatalf("limit %d, once %v, somebody in the middle %v: %v", limit, once, behind, err)
				}
			case b == nil && before != n:
				t.Fatalf("the end after %d of %d", before, n)
			case b != nil && (show(b) != fmt.Sprint(before) || r.at != before+1):
				t.Fatalf("%s in the place of %d", show(b), before)
			}
			fastest, slowest := 0, s.base+len(s.kept)
			for _, o := range s.readers {
				fastest, slowest = max(fastest, o.at), min(slowest, o.at)
			}
			if s.waiting > 0 {
				slowest = 0
			}
			if kept := s.base + len(s.kept) - slowest; !refused && len(s.readers)+s.waiting > 0 && (s.base != slowest || memory.Used() != int64(kept)*size) {
				t.Fatalf("the slowest is at %d, kept from %d, %d bytes", slowest, s.base, memory.Used())
			}
			if calls.opened == 1 && len(gone) == 0 && !refused && calls.made != fastest {
				t.Fatalf("%d batches made, the fastest read %d", calls.made, fastest)
			}
		}
		if calls.opened > 1 && (once || limit == 0) {
			t.Fatalf("run %d times", calls.opened)
		}
		if !refused && late == 0 && len(readers) == 0 && calls.opened != calls.closed {
			t.Fatalf("nobody reads: opened %d, closed %d", calls.opened, calls.closed)
		}
		run.close()
		for _, r := range readers {
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if !refused && late == 0 && memory.Used() != 0 || calls.opened != calls.closed {
			t.Fatalf("after the end: %d bytes, opened %d, closed %d", memory.Used(), calls.opened, calls.closed)
		}
	})
}

// TestRunBoundedPlan runs random plans whose fragments are read in several
// places, and the same with the fragments written out wherever they are read:
// the rows and their order are the same, with little memory as well.
func TestRunBoundedPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &planMaker{t: t}
		var plain []Spec
		plan := &Plan{}
		for id := range rapid.IntRange(1, 4).Draw(t, "fragments") {
			shared, alone := p.tree(id, plain, rapid.IntRange(1, 3).Draw(t, "depth"))
			plan.Fragments = append(plan.Fragments, Fragment{ID: id, Root: shared})
			plain = append(plain, alone)
		}
		sink := rapid.SampledFrom([]int{0, 0, 0, 1, 3}).Draw(t, "sink takes")
		limit := rapid.SampledFrom([]int64{0, 0, 1, 3}).Draw(t, "limit") * int64(ints("1").Bytes())
		rows := func(p *Plan, limit int64) (string, int64, error) {
			var out []string
			memory := NewAccountant(limit)
			err := RunBoundedPlan(context.Background(), OpenCtx{Memory: memory}, p, func(b *stream.Batch) error {
				if out = append(out, show(b)); len(out) == sink {
					return ErrStop
				}
				return nil
			})
			return strings.Join(out, " "), memory.Used(), err
		}
		want, _, err := rows(&Plan{Fragments: []Fragment{{Root: plain[len(plain)-1]}}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		*p.calls = leafCalls{}
		got, used, err := rows(plan, limit)
		if p.calls.opened != p.calls.closed || used != 0 {
			t.Errorf("opened %d leaves, closed %d; %d bytes held", p.calls.opened, p.calls.closed, used)
		}
		switch {
		case limit > 0 && sqlerr.Code(err) == sqlerr.OutOfMemory && strings.HasPrefix(want, got):
		case err != nil:
			t.Fatal(err)
		case got != want:
			t.Errorf("got  %s\nwant %s", got, want)
		case limit == 0 && p.calls.opened > p.leaves:
			t.Errorf("%d leaves of a plan with %d were opened", p.calls.opened, p.leaves)
		}
	})
}

// planMaker makes trees twice: with Inputs, and with what they read in their place.
type planMaker struct {
	t      *rapid.T
	calls  *leafCalls
	leaves int
}

func (p *planMaker) tree(id int, before []Spec, depth int) (shared, alone Spec) {
	if p.calls == nil {
		p.calls = &leafCalls{}
	}
	if depth == 0 || rapid.IntRange(0, 3).Draw(p.t, "leaf") == 0 {
		if id > 0 && rapid.IntRange(0, 3).Draw(p.t, "input") > 0 {
			from := rapid.IntRange(0, id-1).Draw(p.t, "from")
			return input(0, from, Single), before[from]
		}
		p.leaves++
		s := numberedSpec(rapid.IntRange(0, 5).Draw(p.t, "batches"), rapid.Bool().Draw(p.t, "at once"), p.calls)
		return s, s
	}
	op := rapid.SampledFrom([]string{"union", "union", "build", "hold", "limit"}).Draw(p.t, "operator")
	ins := 1
	if op == "union" || op == "build" {
		ins = 2
	}
	s, a := &spec{kind: op}, &spec{kind: op}
	for range ins {
		x, y := p.tree(id, before, depth-1)
		s.inputs, a.inputs = append(s.inputs, x), append(a.inputs, y)
	}
	limit := 0
	if op == "limit" {
		limit = rapid.IntRange(1, 4).Draw(p.t, "rows")
	}
	s.open = func(*OpenCtx) (Operator, error) {
		o := &logged{log: new([]string), limit: limit}
		switch op {
		case "hold":
			o.hold = []*stream.Batch{}
		case "build":
			return loggedBuild{o}, nil
		}
		return o, nil
	}
	a.open = s.open
	return s, a
}

// TestSharedEndsEarly counts what a fragment made for readers that stop early.
func TestSharedEndsEarly(t *testing.T) {
	calls := &leafCalls{}
	limit := func(n int) *spec {
		return &spec{inputs: []Spec{input(0, 0, Single)}, open: func(*OpenCtx) (Operator, error) {
			return &logged{log: new([]string), limit: n}, nil
		}}
	}
	union := &spec{inputs: []Spec{limit(2), limit(5), limit(3)}, open: func(*OpenCtx) (Operator, error) { return passThrough{}, nil }}
	var got []string
	memory := NewAccountant(0)
	plan := &Plan{Fragments: []Fragment{{ID: 0, Root: numberedSpec(1_000_000, false, calls)}, {ID: 1, Root: union}}}
	err := RunBoundedPlan(context.Background(), OpenCtx{Memory: memory}, plan, func(b *stream.Batch) error {
		got = append(got, show(b))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if rows := strings.Join(got, " "); rows != "0 1 0 1 2 3 4 0 1 2" || *calls != (leafCalls{1, 1, 5}) || memory.Used() != 0 {
		t.Errorf("rows %s, calls %+v, %d bytes", rows, *calls, memory.Used())
	}
}

// TestSharedFails ends a run in the middle: a panic and an error of a shared
// fragment are the query's.
func TestSharedFails(t *testing.T) {
	calls := &leafCalls{}
	boom := &spec{open: func(*OpenCtx) (Operator, error) {
		calls.opened++
		return &numbered{n: 9, at: 4, ops: calls}, nil
	}}
	through := &spec{inputs: []Spec{input(0, 0, Single)}, open: func(*OpenCtx) (Operator, error) { return passThrough{}, nil }}
	union := &spec{inputs: []Spec{input(0, 1, Single), input(0, 1, Single), input(0, 0, Single)}, open: func(*OpenCtx) (Operator, error) { return passThrough{}, nil }}
	plan := &Plan{Fragments: []Fragment{{ID: 0, Root: boom}, {ID: 1, Root: through}, {ID: 2, Root: union}}}
	rows := 0
	err := RunBoundedPlan(context.Background(), OpenCtx{}, plan, func(*stream.Batch) error { rows++; return nil })
	if sqlerr.Code(err) != sqlerr.InternalError || rows != 4 || calls.closed != 1 {
		t.Errorf("%v after %d rows, %+v", err, rows, *calls)
	}
	if plan.Fragments[0].Root = input(7, 0, Single); RunBoundedPlan(context.Background(), OpenCtx{}, plan, nil) == nil {
		t.Error("a job was read")
	}
}
