package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"streamdb/connector"
	"streamdb/engine"
	"streamdb/vec"
)

// deliveries is a connector whose sinks note what they are given.
type deliveries struct {
	mu    sync.Mutex
	shut  bool // deliveries fail
	lines []string
	seen  map[uint64]bool
}

func (d *deliveries) Close() error { return nil }

func (d *deliveries) Write(_ context.Context, epoch uint64, cols []vec.Vec, ops []int8, n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		return errors.New("the target is down")
	}
	if d.seen[epoch] {
		return nil
	}
	d.seen[epoch] = true
	for i := range n {
		d.lines = append(d.lines, fmt.Sprintf("%+d:%d:%d", ops[i], cols[0].I64[i&cols[0].Mask()], cols[1].I64[i&cols[1].Mask()]))
	}
	return nil
}

// await waits until what was delivered is want.
func (d *deliveries) await(t *testing.T, want string) {
	t.Helper()
	got := ""
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		d.mu.Lock()
		got = strings.Join(d.lines, " ")
		d.mu.Unlock()
		if got == want {
			return
		}
	}
	t.Fatalf("delivered %s, want %s", got, want)
}

// TestResumeSinkSkips: a sink that goes on without what it missed delivers what it
// had before, even if its target was down then, and each change from then on, once.
func TestResumeSinkSkips(t *testing.T) {
	d := &deliveries{seen: map[uint64]bool{}}
	s := serve(t, engine.Options{Parallelism: 2, Connectors: func(name string) (*connector.Def, bool) {
		return &connector.Def{Name: name, OpenSink: func(context.Context, connector.Config) (connector.Sink, error) { return d, nil }}, name == "deliveries"
	}})
	c := s.connect(t)
	suiteExec(t, c, "create table t (id int primary key, a int)")
	suiteExec(t, c, "create table u (id int primary key, a int)")
	suiteExec(t, c, "insert into t values (1, 5)")
	suiteExec(t, c, "create sink k as select id, 10 / a as q from t union all select id, a from u with (connector = 'deliveries')")
	d.await(t, "+1:1:2")
	shut := func(on bool) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.shut = on
	}
	shut(true)
	suiteExec(t, c, "insert into t values (2, 2)")
	suiteExec(t, c, "insert into t values (3, 0)")
	awaitFailed(t, c, "k")
	suiteExec(t, c, "insert into t values (4, 1)")
	suiteExec(t, c, "insert into u values (4, 4)")
	suiteExec(t, c, "update t set a = 1 where id = 3")
	if err := s.restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = s.connect(t)
	suiteExec(t, c, "alter sink k resume with (missed = 'skip')")
	suiteExec(t, c, "insert into t values (5, 10)")
	shut(false)
	d.await(t, "+1:1:2 +1:2:5 +1:5:1")
	suiteExec(t, c, "delete from t where id = 2")
	d.await(t, "+1:1:2 +1:2:5 +1:5:1 -1:2:5")
	if err := s.restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = s.connect(t)
	suiteExec(t, c, "insert into u values (6, 6)")
	d.await(t, "+1:1:2 +1:2:5 +1:5:1 -1:2:5 +1:6:6")
}
