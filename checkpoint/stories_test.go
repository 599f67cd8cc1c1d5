package checkpoint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/cockroachdb/pebble/v2/vfs"

	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
)

// TestStories runs the stories in testdata/stories: a coordinator on a disk of its
// own and on synthetic time, with jobs of one task each that do what they are told,
// and everything that it tells them and others written down. After each line all
// goes on until nothing can without time passing.
//
//	open [fresh] [interval=d] [checkpoint=d] [slow=d] [stuck=d]   opens the store of
//	                               before, or of a fresh disk
//	run                            each line one of:
//	  jobs: 1, 2 reads 1           jobs; one that reads none is a source, and gets barriers
//	  rows: 3 in 1, 2 in 2         rows enter jobs, in the epoch that runs
//	  job 1: ack 1                 job 1 has sealed epoch 1
//	  job 1: fail division by zero
//	  job 1: stop                  the next barrier is its last
//	  ask [sync] [catalog] [refused] [for 1 2]   a request, that stands for jobs; refused: by its Before
//	  wait 100ms
//	  show                         what a reader finds in the store
//	  close
//	  crash                        the power is cut: what was not synced is gone for the next open
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata/stories", func(t *testing.T, path string) {
		synctest.Test(t, func(t *testing.T) {
			st := &story{t: t}
			defer st.end()
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				switch d.Cmd {
				case "open":
					return st.open(d)
				case "run":
					var out strings.Builder
					for _, line := range strings.Split(d.Input, "\n") {
						text := st.line(line)
						synctest.Wait()
						fmt.Fprintf(&out, "> %s\n%s%s", line, st.take(), text)
					}
					return out.String()
				}
				return "unknown command"
			})
		})
	})
}

// story is one that is being told.
type story struct {
	t     *testing.T
	fs    *vfs.MemFS
	store *storage.Store
	c     *Coordinator
	jobs  map[stream.JobID]*actor
	asked int

	mu     sync.Mutex
	events []event
}

// event is something that the coordinator did. Those of one moment are listed by
// epoch, and within it in the order of its life.
type event struct {
	epoch stream.Epoch
	stage int
	text  string
}

// The stages of an epoch's life.
const (
	ofNone = iota
	beforeStage
	changeStage
	injectStage
	metaStage
	commitStage
	syncStage
	doneStage
)

// warnings is a log of which only they are of interest.
type warnings struct {
	slog.Handler
	tell func(text string)
}

func (w warnings) Enabled(_ context.Context, level slog.Level) bool { return level == slog.LevelWarn }

func (w warnings) Handle(_ context.Context, r slog.Record) error {
	w.tell(r.Message)
	return nil
}

// actor is a job of one task.
type actor struct {
	st     *story
	id     stream.JobID
	member *Member
	reads  []stream.JobID
	table  storage.StateTable
	rows   map[stream.Epoch]int
	fell   atomic.Bool // with one that it reads
}

func (st *story) add(n stream.Epoch, stage int, format string, args ...any) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.events = append(st.events, event{n, stage, fmt.Sprintf(format, args...)})
}

func (st *story) take() string {
	st.mu.Lock()
	defer st.mu.Unlock()
	slices.SortStableFunc(st.events, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.epoch, b.epoch), cmp.Compare(a.stage, b.stage), cmp.Compare(a.text, b.text))
	})
	var out strings.Builder
	for _, e := range st.events {
		fmt.Fprintf(&out, "  %s\n", e.text)
	}
	st.events = nil
	return out.String()
}

func (st *story) open(d *datadriven.TestData) string {
	st.end()
	synctest.Wait()
	st.take()
	if d.HasArg("fresh") {
		st.fs, st.asked = vfs.NewCrashableMem(), 0
	}
	s, err := storage.Open(storage.Options{Dir: "db", FS: st.fs, CacheBytes: 1 << 20})
	if err != nil {
		return err.Error()
	}
	o := Options{Store: s, Log: slog.New(warnings{slog.DiscardHandler, func(text string) { st.add(0, ofNone, "%s", text) }}), StuckAfter: -1}
	for _, a := range d.CmdArgs {
		if a.Key == "fresh" {
			continue
		}
		to := map[string]*time.Duration{"interval": &o.BarrierInterval, "checkpoint": &o.CheckpointInterval, "slow": &o.Timeout, "stuck": &o.StuckAfter}[a.Key]
		if *to, err = time.ParseDuration(a.Vals[0]); err != nil {
			return err.Error()
		}
	}
	o.TaskState = func(stream.TaskID) string { return "processing" }
	o.Culprits = func(awaited []stream.TaskID) []stream.JobID { return []stream.JobID{awaited[0].Job} }
	o.OnJobFailed = func(id stream.JobID, err error) (also []stream.JobID) {
		for _, a := range st.sorted() {
			if slices.Contains(a.reads, id) && !a.fell.Swap(true) {
				also = append(also, a.id)
			}
		}
		st.add(0, ofNone, "abort: job %d has failed: %v; with it stop %v", id, err, also)
		return also
	}
	o.OnDetached = func(last map[stream.JobID]stream.Epoch) {
		for _, id := range slices.Sorted(maps.Keys(last)) {
			st.add(0, ofNone, "abort: the last epoch of job %d is %d", id, last[id])
		}
	}
	o.OnEpoch = func(e EpochStats) {
		st.add(e.Epoch, commitStage, "commit %d: %s, of %d tasks", e.Epoch, e.Trigger, e.Tasks)
	}
	o.OnDurable = func(n stream.Epoch) { st.add(n, syncStage, "durable up to %d", n) }
	st.store, st.c, st.jobs = s, New(o), map[stream.JobID]*actor{}
	return fmt.Sprintf("opened as of epoch %d, durable %d\n", s.Visible(), s.Durable())
}

func (st *story) sorted() (out []*actor) {
	for _, id := range slices.Sorted(maps.Keys(st.jobs)) {
		out = append(out, st.jobs[id])
	}
	return out
}

// line carries out a line; what it gives is printed behind the events.
func (st *story) line(line string) string {
	who, what, _ := strings.Cut(line, ": ")
	switch cmd, arg, _ := strings.Cut(line, " "); {
	case who == "rows":
		return st.enter(what)
	case who == "jobs":
		for _, text := range strings.Split(what, ", ") {
			st.addJob(strings.Fields(text))
		}
		st.c.Start()
	case cmd == "job":
		id, _ := strconv.Atoi(strings.TrimPrefix(who, "job "))
		return st.jobs[stream.JobID(id)].do(what)
	case cmd == "ask":
		st.ask(strings.Fields(arg))
	case cmd == "wait":
		d, err := time.ParseDuration(arg)
		if err != nil {
			return err.Error() + "\n"
		}
		time.Sleep(d)
	case line == "show":
		return st.show()
	case line == "close":
		st.c.Close()
	case line == "crash":
		st.fs = st.fs.CrashClone(vfs.CrashCloneCfg{})
	default:
		return fmt.Sprintf("what is %q?\n", line)
	}
	return ""
}

// addJob adds a job: its number, and after "reads" those that it reads.
func (st *story) addJob(words []string) {
	var ids []stream.JobID
	for _, w := range words {
		if n, err := strconv.Atoi(w); err == nil {
			ids = append(ids, stream.JobID(n))
		}
	}
	a := &actor{st: st, id: ids[0], reads: ids[1:], rows: map[stream.Epoch]int{}}
	a.table = st.store.OpenTable(storage.TableDef{ID: storage.TableID(100 + a.id)}, storage.AllVNodes)
	var sources []Injector
	if len(a.reads) == 0 {
		sources = append(sources, a)
	}
	a.member = st.c.AddJob(a.id, []stream.TaskID{{Job: a.id}}, sources, a.reads...)
	st.jobs[a.id] = a
}

// enter has rows enter jobs: "3 in 1, 2 in 2".
func (st *story) enter(what string) string {
	n := st.c.Next()
	var into []*actor
	for _, part := range strings.Split(what, ", ") {
		rows, id := 0, stream.JobID(0)
		if _, err := fmt.Sscanf(part, "%d in %d", &rows, &id); err != nil {
			return err.Error() + "\n"
		}
		st.jobs[id].rows[n] += rows
		into = append(into, st.jobs[id])
	}
	for _, a := range into { // from now on a barrier may come
		a.member.Active(n)
	}
	return ""
}

// Inject implements Injector.
func (a *actor) Inject(b stream.Barrier) {
	a.st.add(b.Epoch, injectStage, "inject barrier %d, behind %d, into job %d", b.Epoch, b.Prev, a.id)
}

func (a *actor) do(what string) string {
	c := a.st.c
	cmd, arg, _ := strings.Cut(what, " ")
	switch n, _ := strconv.Atoi(arg); {
	case cmd == "ack":
		a.table.Put(0, []byte("epoch"), []byte(arg))
		for i := range a.rows[stream.Epoch(n)] {
			a.table.Put(0, fmt.Appendf(nil, "row %d of %d", i, n), nil)
		}
		if !c.Ack(stream.TaskID{Job: a.id}, stream.Epoch(n), []*storage.Delta{a.table.Seal(stream.Epoch(n))}) {
			return "  refused\n"
		}
	case cmd == "fail":
		c.TaskFailed(stream.TaskID{Job: a.id}, sqlerr.New(sqlerr.DivisionByZero, "%s", arg))
	case cmd == "stop":
		a.st.request(Request{Jobs: []stream.JobID{a.id}, Change: func(stream.Epoch) *stream.Change {
			return &stream.Change{Stop: map[stream.JobID]bool{a.id: true}}
		}}, false)
	default:
		return fmt.Sprintf("what is %q?\n", what)
	}
	return ""
}

// ask submits a request: "sync", "for" and jobs.
func (st *story) ask(words []string) {
	r := Request{Sync: slices.Contains(words, "sync")}
	if slices.Contains(words, "refused") {
		r.Before = func(stream.Epoch) error { return errors.New("no") }
	}
	for _, w := range words {
		if n, err := strconv.Atoi(w); err == nil {
			r.Jobs = append(r.Jobs, stream.JobID(n))
		}
	}
	st.request(r, slices.Contains(words, "catalog"))
}

// request submits a request that tells what is called of it.
func (st *story) request(r Request, changesCatalog bool) {
	st.c.Start()
	st.asked++
	name := fmt.Sprintf("request %d", st.asked)
	refuse := r.Before
	r.Before = func(n stream.Epoch) error {
		st.add(n, beforeStage, "%s: before barrier %d", name, n)
		if refuse != nil {
			return refuse(n)
		}
		return nil
	}
	if change := r.Change; change != nil {
		r.Change = func(n stream.Epoch) *stream.Change {
			st.add(n, changeStage, "%s: change the topology at %d", name, n)
			return change(n)
		}
	}
	if changesCatalog {
		r.Meta = func(n stream.Epoch) []storage.KV {
			st.add(n, metaStage, "%s: catalog of %d", name, n)
			return []storage.KV{{Key: []byte(name), Value: []byte("done")}}
		}
	}
	r.After = func(n stream.Epoch) { st.add(n, doneStage, "notify: %s is done with %d", name, n) }
	r.Failed = func(err error) { st.add(1<<62, doneStage, "notify: %s has failed: %v", name, err) }
	st.c.Submit(r)
}

// show is what a new reader finds.
func (st *story) show() string {
	snap := st.store.Snapshot()
	defer snap.Close()
	var out strings.Builder
	fmt.Fprintf(&out, "  visible %d, durable %d\n", st.store.Visible(), st.store.Durable())
	for id := range storage.TableID(4) {
		rows, epoch := 0, ""
		err := snap.ScanTable(100+id, func(_ storage.VNode, key, value []byte) (bool, error) {
			if string(key) == "epoch" {
				epoch = string(value)
			} else {
				rows++
			}
			return true, nil
		})
		if err != nil {
			return err.Error()
		}
		if epoch != "" {
			fmt.Fprintf(&out, "  job %d: %d rows, of epoch %s\n", id, rows, epoch)
		}
	}
	meta := metaOf(st.t, st.store)
	for i := range st.asked {
		if name := fmt.Sprintf("request %d", i+1); meta[name] != "" {
			fmt.Fprintf(&out, "  catalog: %s\n", name)
		}
	}
	return out.String()
}

func (st *story) end() {
	if st.store == nil {
		return
	}
	st.c.Close()
	for _, a := range st.jobs {
		a.table.Close()
	}
	if err := st.store.Close(); err != nil {
		st.t.Error(err)
	}
	st.store = nil
}
