package executor

import (
	"fmt"
	"testing"
	"time"

	"streamdb/stream"
)

// TestSharedFragment runs a job in which the output of one fragment is read by
// several Inputs: two of one operator, and one behind another fragment that is
// slow. Far more rows than edges hold flow between two barriers, so that every
// edge of the diamond is full while barriers are on their way.
func TestSharedFragment(t *testing.T) {
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprintf("parallelism %d", n), func(t *testing.T) {
			r := newRig(t, memStore(t), nil)
			defer r.close()
			f := newFeed()
			slow := &spec{kind: "Slow", inputs: []Spec{input(0, 1, Hash)}, open: func(*OpenCtx) (Operator, error) {
				return slowOp{}, nil
			}}
			union := &spec{kind: "Union", inputs: []Spec{input(0, 1, Hash), input(0, 1, Hash), input(0, 2, Hash)},
				open: func(*OpenCtx) (Operator, error) { return passThrough{}, nil }}
			r.coord.Start()
			r.start(&Plan{Job: 1, Fragments: []Fragment{
				{ID: 1, Root: sumSpec(20, f.spec()), Parallelism: 1},
				{ID: 2, Root: slow, Parallelism: n},
				{ID: 3, Root: sumSpec(21, union), Parallelism: n},
			}})
			const batches = 4 * edgeMessages
			once, thrice := "", ""
			for i := range 5 {
				for range batches {
					f.push(ints(fmt.Sprint(i + 1)))
				}
				once += fmt.Sprintf(" %dx%d", i+1, batches)
				thrice += fmt.Sprintf(" %dx%d", i+1, 3*batches)
				r.flush(1)
				r.want(20, once[1:])
				r.want(21, thrice[1:])
			}
		})
	}
}

// slowOp passes rows on, in its own time.
type slowOp struct{ Base }

func (slowOp) Process(_ *Ctx, _ int, b *stream.Batch, out Emitter) error {
	time.Sleep(100 * time.Microsecond)
	return out.Emit(b)
}
