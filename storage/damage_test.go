package storage

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// countingLog counts the lines of one message.
type countingLog struct {
	slog.Handler
	message string
	n       *atomic.Int64
}

func (c countingLog) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, c.message) {
		c.n.Add(1)
	}
	return nil
}

func (countingLog) Enabled(context.Context, slog.Level) bool { return true }

// TestCompactionMeetsDamage: where a compaction meets a damaged block, the store
// goes on: epochs are committed, tables elsewhere are read, the damaged one is
// refused, and the log is not flooded.
func TestCompactionMeetsDamage(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs, func(o *Options) { o.IngestBytes = 8_000 })
	table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
	for i := range 3000 {
		table.Put(0, fmt.Appendf(nil, "key%05d", i), noise(i))
	}
	commit(t, s, CommitReq{Deltas: []*Delta{table.Seal(1)}})
	table.Close()
	closeStore(t, s)
	for name, b := range contents(t, fs, "db") {
		if strings.HasSuffix(name, ".sst") && len(b) > 100_000 {
			flipByte(t, fs, "db/"+name, int64(len(b)/2))
		}
	}
	tried := &atomic.Int64{}
	s = open(t, fs, func(o *Options) {
		o.IngestBytes = 8_000
		o.Fatal = func(msg string) { t.Errorf("the store gave up: %s", msg) }
		o.Log = slog.New(countingLog{slog.DiscardHandler, "background work failed", tried})
	})
	began := time.Now()
	// Every epoch overlaps the damaged file, so that compactions take it in.
	a, b := s.OpenTable(TableDef{ID: 20}, AllVNodes), s.OpenTable(TableDef{ID: 21}, AllVNodes)
	for epoch := stream.Epoch(2); epoch < 40; epoch++ {
		for i := range 200 {
			a.Put(0, fmt.Appendf(nil, "key%05d", int(epoch)*37%50+i*15), noise(i+int(epoch)))
			b.Put(0, fmt.Appendf(nil, "key%05d", i), noise(i))
		}
		commit(t, s, CommitReq{Epoch: epoch, Deltas: []*Delta{a.Seal(epoch), b.Seal(epoch)}, Sync: epoch%5 == 0})
	}
	for deadline := time.Now().Add(5 * time.Second); tried.Load() == 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(300 * time.Millisecond)
	s.compactor.mu.Lock()
	failed := s.compactor.failed
	s.compactor.mu.Unlock()
	if failed < 1 || failed > 3+int(time.Since(began)/firstPause) { // two may run at once
		t.Errorf("%d compactions have failed in %v", failed, time.Since(began))
	}
	if files := s.Damaged(); len(files) != 1 || !strings.HasSuffix(files[0].Path, ".sst") || files[0].Error == "" {
		t.Errorf("damaged files: %+v", files)
	}
	if n := tried.Load(); n < 1 || n > 1+int64(time.Since(began)/(10*time.Second)) {
		t.Errorf("%d lines in the log in %v", n, time.Since(began))
	}
	snap := s.Snapshot()
	n := 0
	if err := snap.ScanTable(21, func(VNode, []byte, []byte) (bool, error) { n++; return true, nil }); err != nil || n != 200 {
		t.Errorf("%d rows of the other table, %v", n, err)
	}
	if err := snap.ScanTable(20, func(VNode, []byte, []byte) (bool, error) { return true, nil }); sqlerr.Code(err) != sqlerr.DataCorrupted {
		t.Errorf("the damaged table: %v", err)
	}
	snap.Close()
	a.Close()
	b.Close()
	closeStore(t, s)
}

// TestFlushMeetsDamage: where an epoch that was ingested over a full log cannot be
// flushed, as its place is among damaged blocks, the store ends and says so, and is
// refused when it is opened again. Neither tries for ever.
func TestFlushMeetsDamage(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	fs := vfs.NewCrashableMem()
	s := open(t, fs, func(o *Options) { o.IngestBytes = 8_000 })
	table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
	for i := range 3000 {
		table.Put(0, fmt.Appendf(nil, "key%05d", i), noise(i))
	}
	commit(t, s, CommitReq{Deltas: []*Delta{table.Seal(1)}})
	table.Close()
	closeStore(t, s)
	closeStore(t, open(t, fs)) // which flushes what is in the log
	for name, b := range contents(t, fs, "db") {
		// The first block has the manifest.
		for at := 20_000; strings.HasSuffix(name, ".sst") && at < len(b)*9/10; at += 10_000 {
			flipByte(t, fs, "db/"+name, int64(at))
		}
	}
	ended := make(chan string, 1)
	s = open(t, fs, func(o *Options) {
		o.IngestBytes = 8_000
		o.MemTableBytes, o.noCompactions = 64<<10, true
		o.Fatal = func(msg string) {
			ended <- msg
			select {} // the process has ended: nothing goes on from here
		}
	})
	table = s.OpenTable(TableDef{ID: 20}, AllVNodes)
	table.Put(0, []byte("key00600"), noise(1))
	commit(t, s, CommitReq{Epoch: 2, Deltas: []*Delta{table.Seal(2)}, Sync: true})
	for i := 300; i < 1300; i++ { // several files, whose places are looked for one by one
		table.Put(0, fmt.Appendf(nil, "key%05d", i), noise(i))
	}
	d := table.Seal(3)
	go s.Commit(CommitReq{Epoch: 3, Deltas: []*Delta{d}, Sync: true})
	select {
	case msg := <-ended:
		if !strings.Contains(msg, "flush met damage") {
			t.Errorf("it ended because of %q", msg)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the store neither ended nor went on")
	}
	refused := make(chan error, 1)
	crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
	go func() {
		s, err := Open(Options{Dir: "db", FS: crashed, MemTableBytes: 64 << 10})
		if err == nil {
			err = s.Close()
		}
		refused <- err
	}()
	select {
	case err := <-refused:
		if sqlerr.Code(err) != sqlerr.DataCorrupted || !strings.Contains(detailOf(err), ".sst") {
			t.Errorf("it was opened again: %v (%s)", err, detailOf(err))
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it neither opens nor fails")
	}
}
