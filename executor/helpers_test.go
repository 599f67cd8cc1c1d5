package executor

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

var intSchema = types.Schema{{Name: "v", Type: types.Of(types.Int8)}}

func memStore(t testing.TB) *storage.Store {
	t.Helper()
	s, err := storage.Open(storage.Options{Dir: "db", FS: vfs.NewMem(), CacheBytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ints makes a batch of "1 2 -3": inserts, and deletes with a minus sign.
func ints(text string) *stream.Batch {
	var vals []int64
	var ops []stream.Op
	for _, f := range strings.Fields(text) {
		op := stream.Insert
		if strings.HasPrefix(f, "-") {
			op, f = stream.Delete, f[1:]
		}
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			panic(err)
		}
		vals, ops = append(vals, n), append(ops, op)
	}
	return stream.NewBatch(len(vals), []vec.Vec{vec.Ints(vals)}, ops)
}

func show(b *stream.Batch) string {
	var out []string
	for i := range b.Rows() {
		s := fmt.Sprint(b.Cols()[0].I64[i])
		if b.Op(i) == stream.Delete {
			s = "-" + s
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// spec is a plan node for tests: any operator, any inputs.
type spec struct {
	kind   string
	inputs []Spec
	open   func(ctx *OpenCtx) (Operator, error)
	tables []storage.TableDef
}

func (s *spec) Kind() string                        { return s.kind }
func (s *spec) Inputs() []Spec                      { return s.inputs }
func (s *spec) Schema() types.Schema                { return intSchema }
func (s *spec) State() []storage.TableDef           { return s.tables }
func (s *spec) Explain() string                     { return "" }
func (s *spec) Open(ctx *OpenCtx) (Operator, error) { return s.open(ctx) }
func input(up stream.JobID, frag int, d DistKind) *Input {
	return &Input{Upstream: up, Fragment: frag, Dist: Distribution{Kind: d, Cols: []int{0}[:min(1, int(d&1))]}, Cols: intSchema}
}

// sumOp keeps the multiset of its rows in a state table: key value, count of each
// row. It passes rows on.
type sumOp struct {
	Base
	table storage.StateTable
	fail  func(v int64) error
}

func sumSpec(table storage.TableID, in ...Spec) *spec {
	def := storage.TableDef{ID: table, Name: "sum"}
	return &spec{kind: "Sum", inputs: in, tables: []storage.TableDef{def}, open: func(ctx *OpenCtx) (Operator, error) {
		return &sumOp{table: ctx.Table(def)}, nil
	}}
}

func (o *sumOp) Process(_ *Ctx, _ int, b *stream.Batch, out Emitter) error {
	vnodes := VNodes(b.Cols(), []int{0}, []types.T{types.Of(types.Int8)}, b.Rows(), nil)
	for i, v := range b.Cols()[0].I64 {
		if o.fail != nil {
			if err := o.fail(v); err != nil {
				return err
			}
		}
		key := fmt.Appendf(nil, "%06d", v)
		old, err := o.table.Get(vnodes[i], key)
		if err != nil {
			return err
		}
		n, _ := strconv.Atoi(string(old))
		if n += int(b.Op(i)); n == 0 {
			o.table.Delete(vnodes[i], key)
		} else {
			o.table.Put(vnodes[i], key, strconv.AppendInt(nil, int64(n), 10))
		}
	}
	return out.Emit(b)
}

func (o *sumOp) Watermark(_ *Ctx, _ int, w stream.Watermark, out Emitter) error {
	return out.EmitWatermark(w)
}

// feed is a source that tests fill: each batch is emitted in the epoch that runs
// when the task gets to it.
type feed struct {
	mu    sync.Mutex
	queue []*stream.Batch
	wake  chan struct{}
}

func newFeed() *feed { return &feed{wake: make(chan struct{}, 1)} }

func (f *feed) push(bs ...*stream.Batch) {
	f.mu.Lock()
	f.queue = append(f.queue, bs...)
	f.mu.Unlock()
	wake(f.wake)
}

// backlog is the number of batches that wait.
func (f *feed) backlog() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.queue)
}

func (f *feed) spec() *spec {
	return &spec{kind: "Feed", open: func(*OpenCtx) (Operator, error) { return &feedOp{f: f}, nil }}
}

type feedOp struct {
	Base
	f *feed
}

func (o *feedOp) Process(*Ctx, int, *stream.Batch, Emitter) error { return nil }
func (o *feedOp) Wake() <-chan struct{}                           { return o.f.wake }

func (o *feedOp) Poll(_ *Ctx, out Emitter) (bool, error) {
	o.f.mu.Lock()
	var b *stream.Batch
	if len(o.f.queue) > 0 {
		b = o.f.queue[0]
		o.f.queue = o.f.queue[1:]
	}
	more := len(o.f.queue) > 0
	o.f.mu.Unlock()
	if b == nil {
		return false, nil
	}
	return more, out.Emit(b)
}

// Barrier drains what was pushed before the barrier was injected.
func (o *feedOp) Barrier(ctx *Ctx, _ stream.Barrier, out Emitter) error {
	o.f.mu.Lock()
	n := len(o.f.queue)
	o.f.mu.Unlock()
	for range n {
		if _, err := o.Poll(ctx, out); err != nil {
			return err
		}
	}
	return nil
}

// contents lists a sum table as of a snapshot: "3x1 4x2".
func contents(t testing.TB, snap storage.Snapshot, table storage.TableID) string {
	t.Helper()
	var out []string
	err := snap.ScanTable(table, func(_ storage.VNode, key, value []byte) (bool, error) {
		out = append(out, string(key)+"x"+string(value))
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out) // by key: rows lie by vnode
	for i := range out {
		out[i] = strings.TrimLeft(out[i][:5], "0") + out[i][5:]
	}
	return strings.Join(out, " ")
}

// journal records what a task reports, for tests that drive a task by hand.
type journal struct{ lines []string }

func (j *journal) add(format string, args ...any) {
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) take() string {
	out := strings.Join(j.lines, "\n")
	j.lines = nil
	if out != "" {
		out += "\n"
	}
	return out
}

func (j *journal) Ack(_ stream.TaskID, n stream.Epoch, deltas []*storage.Delta) bool {
	rows := 0
	for _, d := range deltas {
		rows += d.Rows()
	}
	j.add("ack %d with %d changed rows", n, rows)
	return true
}
func (j *journal) Sealed(stream.TaskID, stream.Epoch, time.Duration, time.Duration) {}
func (j *journal) TaskDone(stream.TaskID)                                           { j.add("task done") }
func (j *journal) TaskFailed(_ stream.TaskID, err error)                            { j.add("task failed: %v", err) }
func (j *journal) Active(n stream.Epoch)                                            { j.add("active in %d", n) }
func (j *journal) AddDirty(int)                                                     {}
func (j *journal) Throttled() bool                                                  { return false }
func (j *journal) EpochTime(n stream.Epoch) time.Time                               { return time.Unix(int64(n), 0) }
func (j *journal) Durable() stream.Epoch                                            { return 0 }
func (j *journal) Snapshot() (storage.Snapshot, stream.Epoch) {
	panic("no operator of these tests reads a snapshot")
}

var quiet = slog.New(slog.DiscardHandler)
