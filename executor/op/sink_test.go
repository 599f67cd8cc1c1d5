package op

import (
	"context"
	"errors"
	"fmt"
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

// target is a connector that keeps each epoch once, as an idempotent one does,
// and fails now and then.
type target struct {
	mu     sync.Mutex
	schema types.Schema
	epochs map[uint64]string
	writes int
}

func (k *target) Write(_ context.Context, epoch uint64, cols []vec.Vec, ops []int8, n int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.writes++; k.writes%3 == 1 {
		return errors.New("the outside is down")
	}
	var text strings.Builder
	for i := range n {
		row := make(optest.Row, len(cols))
		for c := range cols {
			row[c] = cols[c].Datum(i)
		}
		fmt.Fprintf(&text, "%+d %s\n", ops[i], optest.Text(k.schema, row))
	}
	if before, ok := k.epochs[epoch]; ok && before != text.String() {
		return fmt.Errorf("epoch %d differs from its first delivery", epoch)
	}
	k.epochs[epoch] = text.String()
	return nil
}

func (k *target) Close() error { return nil }

func (k *target) text() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := ""
	for e := range uint64(100) {
		all += k.epochs[e]
	}
	return all
}

func TestSinkDeliversEpochs(t *testing.T) {
	schema := optest.Schema(t, "a int8, b text")
	out := &target{schema: schema, epochs: map[uint64]string{}}
	env := &Env{Stats: &Stats{}, Connectors: func(string) (*connector.Def, bool) {
		return &connector.Def{Name: "target", OpenSink: func(context.Context, connector.Config) (connector.Sink, error) { return out, nil }}, true
	}}
	outbox := TableRef{ID: 90, Name: "outbox"}
	h := optest.New(t, []types.Schema{schema}, func(in []executor.Spec) executor.Spec {
		return &Sink{In: in[0], Name: "s", Conf: SourceConf{Connector: "target"}, Outbox: outbox}
	}, optest.Options{Env: env})
	want := ""
	waitFor := func() {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); out.text() != want; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("delivered\n%s\nwant\n%s", out.text(), want)
			}
		}
	}
	h.PushText(0, "+ 1 a\n+ 2 b\n- 2 b\n+ 3 c")
	h.Barrier()
	want += "+1 1 a\n+1 3 c\n"
	h.Restart() // the delivery may or may not have happened
	waitFor()
	h.PushText(0, "+ 9 lost")
	h.Restart()
	h.PushText(0, "- 1 a\n+ 1 z")
	h.Barrier()
	h.PushText(0, "+ 4 d")
	h.PushText(0, "- 4 d")
	h.Barrier()
	want += "-1 1 a\n+1 1 z\n"
	waitFor()
	for deadline := time.Now().Add(10 * time.Second); h.StateRows(outbox) > 0; h.Barrier() {
		if time.Now().After(deadline) {
			t.Fatalf("%d rows stay in the outbox", h.StateRows(outbox))
		}
		time.Sleep(time.Millisecond)
	}
	if stat := env.Stats.Of(StatKey{Job: 1, Kind: "sink", Name: "s"}); stat.LastErr.Load() != nil {
		t.Errorf("the last error stays: %s", *stat.LastErr.Load())
	}
}
