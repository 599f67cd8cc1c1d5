package storage

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

func open(t testing.TB, fs vfs.FS, change ...func(*Options)) *Store {
	t.Helper()
	o := Options{Dir: "db", FS: fs, CacheBytes: 8 << 20}
	for _, f := range change {
		f(&o)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func commit(t testing.TB, s *Store, req CommitReq) CommitInfo {
	t.Helper()
	if req.Epoch == 0 {
		req.Epoch = s.Visible() + 1
	}
	info, err := s.Commit(req)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// dump lists a table of a snapshot as "vnode/key=value".
func dump(t testing.TB, snap Snapshot, table TableID) string {
	t.Helper()
	var b strings.Builder
	err := snap.ScanTable(table, func(v VNode, key, value []byte) (bool, error) {
		fmt.Fprintf(&b, "%d/%s=%s ", v, key, value)
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

func TestCommitAndReopen(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs)
	if s.Visible() != 0 || s.Durable() != 0 {
		t.Fatalf("new store is at %d, %d", s.Visible(), s.Durable())
	}
	table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
	table.Put(3, []byte("b"), []byte("2"))
	table.Put(3, []byte("a"), []byte("1"))
	table.Put(9, []byte("c"), []byte(""))
	table.Put(3, []byte("x"), []byte("gone"))
	table.Delete(3, []byte("x"))
	meta := []KV{{[]byte("k/1"), []byte("one")}, {[]byte("k/2"), []byte("two")}, {[]byte("l/1"), []byte("other")}}
	info := commit(t, s, CommitReq{Deltas: []*Delta{table.Seal(1)}, Meta: meta, Sync: true})
	if info.Rows != 4 || info.Ingested || s.Visible() != 1 || s.Durable() != 1 {
		t.Fatalf("info %+v, visible %d, durable %d", info, s.Visible(), s.Durable())
	}
	table.Close()
	closeStore(t, s)

	s = open(t, fs)
	defer closeStore(t, s)
	if m, err := s.Manifest(); err != nil || m.Epoch != 1 || m.Format != StateFormat || m.Time.IsZero() {
		t.Fatalf("manifest %+v, %v", m, err)
	}
	snap := s.Snapshot()
	if got, want := dump(t, snap, 20), "3/a=1 3/b=2 9/c="; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if v, err := snap.Get(20, 9, []byte("c")); v == nil || len(v) != 0 || err != nil {
		t.Errorf("an empty value is there: %v, %v", v, err)
	}
	if v, err := snap.Get(20, 9, []byte("d")); v != nil || err != nil {
		t.Errorf("absent: %v, %v", v, err)
	}
	var keys []string
	if err := s.MetaScan([]byte("k/"), func(k, v []byte) (bool, error) {
		keys = append(keys, string(k)+"="+string(v))
		return true, nil
	}); err != nil || strings.Join(keys, " ") != "k/1=one k/2=two" {
		t.Errorf("meta %v, %v", keys, err)
	}
	snap.Close()
	snap.Close() // twice is once
}

func TestSnapshotsKeepTheirEpoch(t *testing.T) {
	s := open(t, vfs.NewMem())
	defer closeStore(t, s)
	table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
	defer table.Close()
	var snaps []Snapshot
	for n := 1; n <= 3; n++ {
		table.Put(0, []byte("k"), fmt.Append(nil, n))
		commit(t, s, CommitReq{Deltas: []*Delta{table.Seal(stream.Epoch(n))}})
		snaps = append(snaps, s.Snapshot(), s.Snapshot())
	}
	if d := s.DurableSnapshot(); d.Epoch() != 0 {
		t.Errorf("durable snapshot is of epoch %d before any sync", d.Epoch())
	} else {
		d.Close()
	}
	for i, snap := range snaps {
		n := i/2 + 1
		if want := fmt.Sprintf("0/k=%d", n); snap.Epoch() != stream.Epoch(n) || dump(t, snap, 20) != want {
			t.Errorf("snapshot of epoch %d, %q; want %d, %q", snap.Epoch(), dump(t, snap, 20), n, want)
		}
		snap.Close()
	}
	if err := s.Sync(); err != nil || s.Durable() != 3 {
		t.Errorf("durable %d, %v", s.Durable(), err)
	}
}

func TestDropTable(t *testing.T) {
	for _, size := range []int{0, 1 << 30} { // ingest always, never
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			s := open(t, vfs.NewMem(), func(o *Options) { o.IngestBytes = max(size, 1) })
			defer closeStore(t, s)
			var deltas []*Delta
			var tables []StateTable
			for id := TableID(20); id < 24; id++ {
				table := s.OpenTable(TableDef{ID: id}, AllVNodes)
				table.Put(0xff, []byte("\xff\xff"), []byte("x"))
				deltas = append(deltas, table.Seal(1))
				tables = append(tables, table)
			}
			commit(t, s, CommitReq{Deltas: deltas})
			tables[0].Put(0, []byte("new"), []byte("y"))
			tables[3].Put(0, []byte("new"), []byte("y"))
			late := s.OpenTable(TableDef{ID: 22}, AllVNodes)
			late.Put(0, []byte("late"), []byte("must not survive"))
			commit(t, s, CommitReq{Deltas: []*Delta{tables[3].Seal(2), late.Seal(2), tables[0].Seal(2)}, Drop: []TableID{22, 21, 22}})
			snap := s.Snapshot()
			defer snap.Close()
			var got []string
			for id := TableID(20); id < 24; id++ {
				got = append(got, dump(t, snap, id))
			}
			want := []string{"0/new=y 255/\xff\xff=x", "", "", "0/new=y 255/\xff\xff=x"}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got %q, want %q", got, want)
			}
			for _, table := range tables {
				table.Close()
			}
			late.Close()
		})
	}
}

func TestRefusals(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs)
	if _, err := Open(Options{Dir: "db", FS: fs}); sqlerr.Code(err) != sqlerr.ObjectInUse {
		t.Errorf("second open: %v", err)
	}
	table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
	defer table.Close()
	table.Put(0, []byte("k"), []byte("v"))
	d := table.Seal(1)
	commit(t, s, CommitReq{Epoch: 1, Deltas: []*Delta{d}})
	if _, err := s.Commit(CommitReq{Epoch: 1}); err == nil {
		t.Error("the same epoch was committed twice")
	}
	if _, err := s.Commit(CommitReq{Epoch: 2, Deltas: []*Delta{d}}); err == nil {
		t.Error("a delta was committed twice")
	}
	if _, err := s.Commit(CommitReq{Epoch: 2, Drop: []TableID{metaTable}}); err == nil {
		t.Error("the catalog was dropped")
	}
	if s.Visible() != 1 {
		t.Errorf("visible %d after refusals", s.Visible())
	}
	newer := Manifest{Format: StateFormat + 1, Epoch: 1}
	if err := s.db.Set(manifestKey, newer.encode(), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	if _, err := s.Commit(CommitReq{Epoch: 2}); err == nil {
		t.Error("commit to a closed store")
	}
	_, err := Open(Options{Dir: "db", FS: fs})
	if sqlerr.Code(err) != sqlerr.FeatureNotSupported || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("newer format: %v", err)
	}
	// The failed open left no lock behind.
	if _, err := Open(Options{Dir: "db", FS: fs}); sqlerr.Code(err) != sqlerr.FeatureNotSupported {
		t.Errorf("again: %v", err)
	}
}

func TestCorruptionIsAnError(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs)
	table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
	for i := range 2000 {
		table.Put(0, fmt.Appendf(nil, "key%05d", i), noise(i))
	}
	commit(t, s, CommitReq{Deltas: []*Delta{table.Seal(1)}})
	table.Close()
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	names, err := fs.List("db")
	if err != nil {
		t.Fatal(err)
	}
	broken := 0
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") {
			if info, err := fs.Stat("db/" + name); err != nil || info.Size() < 40000 {
				t.Fatalf("%s: %v, %v", name, info, err)
			}
			flipByte(t, fs, "db/"+name, 20000) // behind the block that holds the manifest
			broken++
		}
	}
	if broken == 0 {
		t.Fatal("nothing to break")
	}
	s = open(t, fs, func(o *Options) { o.Fatal = func(string) {} })
	defer s.Close()
	snap := s.Snapshot()
	defer snap.Close()
	n := 0
	err = snap.ScanTable(20, func(VNode, []byte, []byte) (bool, error) { n++; return true, nil })
	if sqlerr.Code(err) != sqlerr.DataCorrupted {
		t.Errorf("%d rows, error %v; want XX001", n, err)
	}
	table = s.OpenTable(TableDef{ID: 20}, AllVNodes)
	defer table.Close()
	bad := 0
	for i := range 2000 {
		v, err := table.Get(0, fmt.Appendf(nil, "key%05d", i))
		switch {
		case err != nil && sqlerr.Code(err) == sqlerr.DataCorrupted:
			bad++
		case err != nil:
			t.Fatal(err)
		case !bytes.Equal(v, noise(i)):
			t.Fatalf("key %d: wrong value served", i)
		}
	}
	if bad == 0 {
		t.Error("no read noticed the broken block")
	}
}

// noise is a value that does not compress away.
func noise(i int) []byte {
	rng := rand.New(rand.NewPCG(uint64(i), 1))
	b := make([]byte, 80)
	for k := range b {
		b[k] = byte(rng.Uint32())
	}
	return b
}

func flipByte(t *testing.T, fs vfs.FS, path string, at int64) {
	t.Helper()
	f, err := fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x40
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}

// TestLogStaysShort: whatever is written, what an open after a crash would have to
// replay stays within a few memtables.
func TestLogStaysShort(t *testing.T) {
	s := open(t, vfs.NewMem())
	defer closeStore(t, s)
	table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
	defer table.Close()
	var most int64
	for n := 1; n <= 30; n++ {
		for i := range 10_000 {
			table.Put(0, fmt.Appendf(nil, "key%07d", i*31+n), make([]byte, 80))
		}
		commit(t, s, CommitReq{Deltas: []*Delta{table.Seal(stream.Epoch(n))}})
		most = max(most, s.Stats().WALBytes)
	}
	if most > 3*(8<<20) {
		t.Errorf("the log grew to %d MB", most>>20)
	}
	if n, err := s.TableBytes(20); n == 0 || err != nil {
		t.Errorf("the table takes %d bytes, %v", n, err)
	}
	if n, err := s.TableBytes(21); n != 0 || err != nil {
		t.Errorf("a table that is not there takes %d bytes, %v", n, err)
	}
}
