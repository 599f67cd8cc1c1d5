package storage

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"streamdb/internal/sqlerr"
)

// TestPutLater: rows that are handed over are made once, in their place among the
// others, whoever needs them first: a read, a later write, or the commit.
func TestPutLater(t *testing.T) {
	for _, ingest := range []int{1 << 30, 1} {
		s, err := Open(Options{Dir: "db", FS: vfs.NewMem(), IngestBytes: ingest})
		if err != nil {
			t.Fatal(err)
		}
		table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
		made := 0
		later := func(rows ...string) {
			table.PutLater(len(rows), func(w LateWriter) {
				made++
				for _, r := range rows {
					if k, v, ok := strings.Cut(r, "="); ok {
						w.Put(1, []byte(k), []byte(v))
					} else {
						w.Delete(1, []byte(k))
					}
				}
			})
		}
		get := func(k string) string { v, err := table.Get(1, []byte(k)); fail(t, err); return string(v) }
		scan := func() (out []string) {
			fail(t, table.Scan(1, nil, func(k, v []byte) (bool, error) {
				out = append(out, fmt.Sprintf("%s=%s", k, v))
				return true, nil
			}))
			return out
		}

		table.Put(1, []byte("a"), []byte("1"))
		later("a=2", "b=2")
		if made != 0 || table.(*stateTable).cur.Rows() != 3 {
			t.Error("made before anybody needs them")
		}
		d1 := table.Seal(1)
		if got := fmt.Sprintf("%s %s %v", get("a"), get("b"), scan()); made != 1 || got != "2 2 [a=2 b=2]" {
			t.Errorf("sealed: %s, made %d times", got, made)
		}
		later("a", "c=3")
		table.Put(1, []byte("c"), []byte("4")) // makes what is before it
		if made != 2 {
			t.Errorf("made %d times", made)
		}
		later("d=5")
		d2 := table.Seal(2)
		for _, d := range []*Delta{d1, d2} {
			_, err := s.Commit(CommitReq{Epoch: s.Visible() + 1, Deltas: []*Delta{d}})
			fail(t, err)
		}
		if got := fmt.Sprint(scan()); made != 3 || got != "[b=2 c=4 d=5]" {
			t.Errorf("committed: %s, made %d times", got, made)
		}
		fail(t, table.Close())
		fail(t, s.Close())
	}
}

func fail(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestPutLaterMeets: the instance reads its sealed rows while they are committed.
func TestPutLaterMeets(t *testing.T) {
	s, err := Open(Options{Dir: "db", FS: vfs.NewMem()})
	fail(t, err)
	defer s.Close()
	table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
	defer table.Close()
	const rows = 2000
	for epoch := range 20 {
		n := s.Visible() + 1
		table.PutLater(rows, func(w LateWriter) {
			var k, v [8]byte
			for i := range rows {
				binary.BigEndian.PutUint64(k[:], uint64(i))
				binary.BigEndian.PutUint64(v[:], uint64(epoch))
				w.Put(VNode(i), k[:], v[:])
			}
		})
		d := table.Seal(n)
		var wg sync.WaitGroup
		wg.Go(func() {
			if info, err := s.Commit(CommitReq{Epoch: n, Deltas: []*Delta{d}}); err != nil || info.Rows != rows || info.Bytes < 16*rows {
				t.Errorf("%+v, %v", info, err)
			}
		})
		var k [8]byte
		for i := range rows / 10 {
			binary.BigEndian.PutUint64(k[:], uint64(i))
			if v, err := table.Get(VNode(i), k[:]); err != nil || len(v) != 8 || binary.BigEndian.Uint64(v) != uint64(epoch) {
				t.Fatalf("epoch %d row %d: %x, %v", epoch, i, v, err)
			}
		}
		wg.Wait()
	}
}

// TestPutLaterElsewhere: a row of a vnode that the instance does not own is an
// error of the commit, which leaves nothing.
func TestPutLaterElsewhere(t *testing.T) {
	s, err := Open(Options{Dir: "db", FS: vfs.NewMem()})
	fail(t, err)
	defer s.Close()
	table := s.OpenTable(TableDef{ID: 20}, VNodeSet{0, 10})
	defer table.Close()
	table.PutLater(1, func(w LateWriter) { w.Put(10, []byte("k"), nil) })
	_, err = s.Commit(CommitReq{Epoch: 1, Deltas: []*Delta{table.Seal(1)}})
	if sqlerr.Code(err) != sqlerr.InternalError || s.Visible() != 0 {
		t.Errorf("visible %d, %v", s.Visible(), err)
	}
}
