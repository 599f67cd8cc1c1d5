package executor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// logged is an operator that writes down its calls and passes rows on.
type logged struct {
	Base
	log   *[]string
	name  string
	limit int // rows until ErrStop; 0: none
	hold  []*stream.Batch
	build bool // its input 1 is fed first
}

func (o *logged) Process(_ *Ctx, in int, b *stream.Batch, out Emitter) error {
	*o.log = append(*o.log, fmt.Sprintf("%s.%d: %s", o.name, in, show(b)))
	if o.hold != nil {
		o.hold = append(o.hold, b)
		return nil
	}
	if err := out.Emit(b); err != nil {
		return err
	}
	if o.limit > 0 {
		if o.limit -= b.Rows(); o.limit <= 0 {
			return ErrStop
		}
	}
	return nil
}

func (o *logged) Barrier(_ *Ctx, _ stream.Barrier, out Emitter) error {
	*o.log = append(*o.log, o.name+" ends")
	for _, b := range o.hold {
		if err := out.Emit(b); err != nil {
			return err
		}
	}
	return nil
}

func (o *logged) Close() error { *o.log = append(*o.log, o.name+" closes"); return nil }

type loggedBuild struct{ *logged }

func (loggedBuild) FirstInput() int { return 1 }

// leafOp emits its batches, one a Poll.
type leafOp struct {
	*logged
	batches []string
}

func (o *leafOp) Wake() <-chan struct{} { return nil }
func (o *leafOp) Poll(_ *Ctx, out Emitter) (bool, error) {
	if len(o.batches) == 0 {
		return false, nil
	}
	b := o.batches[0]
	o.batches = o.batches[1:]
	return len(o.batches) > 0, out.Emit(ints(b))
}

func TestRunBounded(t *testing.T) {
	var log []string
	leaf := func(name string, batches ...string) *spec {
		return &spec{open: func(ctx *OpenCtx) (Operator, error) {
			if !ctx.Bounded || ctx.VNodes.To != 256 || ctx.Parallelism != 1 {
				t.Errorf("open context %+v", ctx)
			}
			return &leafOp{&logged{log: &log, name: name}, batches}, nil
		}}
	}
	op := func(name string, limit int, in ...Spec) *spec {
		return &spec{inputs: in, open: func(*OpenCtx) (Operator, error) { return &logged{log: &log, name: name, limit: limit}, nil }}
	}
	join := func(name string, in ...Spec) *spec {
		return &spec{inputs: in, open: func(*OpenCtx) (Operator, error) {
			return loggedBuild{&logged{log: &log, name: name}}, nil
		}}
	}
	sorter := func(name string, in ...Spec) *spec {
		return &spec{inputs: in, open: func(*OpenCtx) (Operator, error) {
			return &logged{log: &log, name: name, hold: []*stream.Batch{}}, nil
		}}
	}
	for _, c := range []struct {
		name string
		root Spec
		sink int // batches the sink takes before ErrStop; 0: all
		want string
	}{
		{"union in order", op("u", 0, leaf("a", "1", "2"), leaf("b", "3")), 0,
			"u.0: 1, out 1, u.0: 2, out 2, a ends, u.1: 3, out 3, b ends, u ends"},
		{"build side first", join("j", leaf("a", "1"), sorter("s", leaf("b", "2", "3"))), 0,
			"s.0: 2, s.0: 3, b ends, s ends, j.1: 2, out 2, j.1: 3, out 3, j.0: 1, out 1, a ends, j ends"},
		{"limit at the top ends all", op("l", 2, op("u", 0, leaf("a", "1", "2", "9"), leaf("b", "3"))), 0,
			"u.0: 1, l.0: 1, out 1, u.0: 2, l.0: 2, out 2, l ends"},
		{"limit below a union ends its branch", op("u", 0, op("l", 1, sorter("s", leaf("a", "1", "2"))), leaf("b", "3")), 0,
			"s.0: 1, s.0: 2, a ends, s ends, l.0: 1, u.0: 1, out 1, l ends, u.1: 3, out 3, b ends, u ends"},
		{"the sink has enough", op("u", 0, leaf("a", "1", "2"), leaf("b", "3")), 1,
			"u.0: 1, out 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			log = nil
			n := 0
			err := RunBounded(context.Background(), OpenCtx{}, c.root, func(b *stream.Batch) error {
				log = append(log, "out "+show(b))
				if n++; n == c.sink {
					return ErrStop
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			var calls []string
			closes := map[string]int{}
			for _, l := range log {
				if name, ok := strings.CutSuffix(l, " closes"); ok {
					closes[name]++
				} else {
					calls = append(calls, l)
				}
			}
			if got := strings.Join(calls, ", "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			for name, n := range closes {
				if n != 1 {
					t.Errorf("%s was closed %d times", name, n)
				}
			}
			if len(closes) < 3 {
				t.Errorf("closed: %v", closes)
			}
		})
	}
}

// endless emits for ever.
type endless struct{ Base }

func (endless) Process(*Ctx, int, *stream.Batch, Emitter) error { return nil }
func (endless) Wake() <-chan struct{}                           { return nil }
func (endless) Poll(_ *Ctx, out Emitter) (bool, error)          { return true, out.Emit(ints("1")) }

func TestRunBoundedEndsEarly(t *testing.T) {
	forever := &spec{open: func(*OpenCtx) (Operator, error) { return endless{}, nil }}
	ctx, cancel := context.WithCancelCause(context.Background())
	cause := sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to user request")
	time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
	start := time.Now()
	err := RunBounded(ctx, OpenCtx{}, forever, func(*stream.Batch) error { return nil })
	if !errors.Is(err, cause) || time.Since(start) > 5*time.Second {
		t.Errorf("cancelled: %v after %v", err, time.Since(start))
	}
	broken := errors.New("broken pipe")
	if err := RunBounded(context.Background(), OpenCtx{}, forever, func(*stream.Batch) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("sink error: %v", err)
	}
	panics := func(*stream.Batch) error { panic("oops") }
	if err := RunBounded(context.Background(), OpenCtx{}, forever, panics); sqlerr.Code(err) != sqlerr.InternalError {
		t.Errorf("panic: %v", err)
	}
	closed := false
	half := &spec{inputs: []Spec{
		&spec{open: func(*OpenCtx) (Operator, error) { return closer{&closed}, nil }},
		&spec{open: func(*OpenCtx) (Operator, error) { return nil, broken }},
	}}
	if err := RunBounded(context.Background(), OpenCtx{}, half, nil); !errors.Is(err, broken) || !closed {
		t.Errorf("open error: %v, sibling closed: %v", err, closed)
	}
	if err := RunBounded(context.Background(), OpenCtx{}, sumSpec(20, input(0, 1, Single)), nil); err == nil {
		t.Error("an exchange in a bounded run")
	}
}

type closer struct{ closed *bool }

func (closer) Process(*Ctx, int, *stream.Batch, Emitter) error      { return nil }
func (closer) Watermark(*Ctx, int, stream.Watermark, Emitter) error { return nil }
func (closer) Barrier(*Ctx, stream.Barrier, Emitter) error          { return nil }
func (c closer) Close() error                                       { *c.closed = true; return nil }

func TestAccountant(t *testing.T) {
	root := NewAccountant(100)
	a, b := root.Child(60), root.Child(0)
	if err := a.Grow(50); err != nil {
		t.Fatal(err)
	}
	if err := a.Grow(20); sqlerr.Code(err) != sqlerr.OutOfMemory {
		t.Errorf("over its own limit: %v", err)
	}
	if err := b.Grow(60); sqlerr.Code(err) != sqlerr.OutOfMemory {
		t.Errorf("over the root's limit: %v", err)
	}
	if a.Used() != 50 || b.Used() != 0 || root.Used() != 50 {
		t.Errorf("a refusal counted: %d %d %d", a.Used(), b.Used(), root.Used())
	}
	b.Add(60)
	if !b.Over() || !root.Over() || root.Used() != 110 {
		t.Error("Add reports past the limit")
	}
	a.Close()
	b.Release(60)
	if root.Used() != 0 || root.Peak() != 110 || a.Over() {
		t.Errorf("after all: used %d, peak %d", root.Used(), root.Peak())
	}
	var none *Accountant
	if err := none.Grow(1 << 60); err != nil || none.Over() || none.Used() != 0 {
		t.Error("a nil accountant refused")
	}
	none.Release(1)
	none.Close()
}
