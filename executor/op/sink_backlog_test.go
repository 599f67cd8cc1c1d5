package op

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"streamdb/connector"
	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/types"
	"streamdb/vec"
)

// slowTarget is a connector that takes a number of epochs and then is down.
type slowTarget struct {
	mu     sync.Mutex
	left   int
	order  []uint64
	epochs map[uint64]string
	broken error
}

func (k *slowTarget) Write(_ context.Context, epoch uint64, cols []vec.Vec, _ []int8, n int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.left == 0 {
		return errors.New("the outside is down")
	}
	k.left--
	text := fmt.Sprint(n)
	for i := range n {
		text += fmt.Sprint(" ", cols[0].I64[i&cols[0].Mask()])
	}
	before, again := k.epochs[epoch]
	switch {
	case again && before != text:
		k.broken = fmt.Errorf("epoch %d was %.50s, and then %.50s", epoch, before, text)
	case !again && len(k.order) > 0 && k.order[len(k.order)-1] > epoch:
		k.broken = fmt.Errorf("epoch %d comes after %d", epoch, k.order[len(k.order)-1])
	}
	if !again {
		k.epochs[epoch], k.order = text, append(k.order, epoch)
	}
	return nil
}

func (k *slowTarget) Close() error { return nil }

// allow lets n more epochs through.
func (k *slowTarget) allow(n int) {
	k.mu.Lock()
	k.left = n
	k.mu.Unlock()
}

func (k *slowTarget) came() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.order)
}

// TestSinkBacklog: epochs wait in the outbox while the outside is down, more rows
// than are removed at one barrier. It takes some between restarts, and gets each
// as a whole, in order; a repetition is the same as the first time. In the end
// nothing stays in the outbox.
func TestSinkBacklog(t *testing.T) {
	schema := optest.Schema(t, "a int8")
	out := &slowTarget{epochs: map[uint64]string{}}
	env := &Env{Stats: &Stats{}, Connectors: func(string) (*connector.Def, bool) {
		return &connector.Def{Name: "target", OpenSink: func(context.Context, connector.Config) (connector.Sink, error) { return out, nil }}, true
	}}
	outbox := TableRef{ID: 90, Name: "outbox"}
	h := optest.New(t, []types.Schema{schema}, func(in []executor.Spec) executor.Spec {
		return &Sink{In: in[0], Name: "s", Conf: SourceConf{Connector: "target"}, Outbox: outbox}
	}, optest.Options{Env: env})
	const epochs, rows = 20, pruneRows / 8
	for e := range epochs {
		var text strings.Builder
		for i := range rows {
			fmt.Fprintf(&text, "+ %d\n", e*rows+i)
		}
		h.PushText(0, text.String())
		h.Barrier()
	}
	if n := h.StateRows(outbox); n != epochs*rows {
		t.Fatalf("%d rows are in the outbox, want %d", n, epochs*rows)
	}
	for deadline := time.Now().Add(30 * time.Second); h.StateRows(outbox) > 0; h.Barrier() {
		if time.Now().After(deadline) {
			t.Fatalf("%d rows stay in the outbox, %d epochs came", h.StateRows(outbox), out.came())
		}
		before := out.came()
		out.allow(epochs)
		if before < epochs {
			out.allow(7)
			h.Restart()
		}
		for end := time.Now().Add(time.Second); before < epochs && out.came() == before && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if n := h.StateRows(outbox); n%rows != 0 {
			t.Fatalf("%d rows are in the outbox: a part of an epoch is gone", n)
		}
	}
	if out.broken != nil {
		t.Fatal(out.broken)
	}
	if len(out.order) != epochs || !slices.IsSorted(out.order) {
		t.Fatalf("%d epochs came, want %d, in order: %v", len(out.order), epochs, out.order)
	}
}
