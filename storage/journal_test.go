package storage

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// TestFlippedByte: of a checksum that does not fit, the changed byte is found when
// one bit has changed, and none when more have.
func TestFlippedByte(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 30, 700, 32000} {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		sum := crc32.Checksum(b, recordTable)
		for range 30 {
			at := rng.IntN(n)
			b[at] ^= 1 << rng.IntN(8)
			if got := flippedByte(sum^crc32.Checksum(b, recordTable), n); got != at {
				t.Fatalf("%d bytes, flipped at %d: found %d", n, at, got)
			}
			sum = crc32.Checksum(b, recordTable)
		}
		old := b[n/2]
		b[n/2] ^= 5
		if got := flippedByte(sum^crc32.Checksum(b, recordTable), n); got >= 0 {
			t.Fatalf("%d bytes, two bits flipped: found %d", n, got)
		}
		b[n/2] = old
	}
}

// crashed is a store after a power cut: epochs 1 to 20, synced one by one, the last
// one ingested when ingest is set, with a mark at the end when marked is.
func crashed(t *testing.T, ingest, marked bool) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewCrashableMem()
	s, err := Open(Options{Dir: "db", FS: fs, CacheBytes: 1 << 20, IngestBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
	for e := stream.Epoch(1); e <= 20; e++ {
		size := 100
		if ingest && e == 20 {
			size = 2 << 20
		}
		table.Put(0, fmt.Appendf(nil, "k%02d", e), make([]byte, size))
		commit(t, s, CommitReq{Epoch: e, Deltas: []*Delta{table.Seal(e)}, Sync: true})
	}
	if ingest { // until the flush, an ingested epoch that overlaps with the log is one of its records
		if err := s.db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if marked {
		s.markNow()
	}
	image := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return image
}

// journalOf is the newest log or the MANIFEST of the directory "db".
func journalOf(t *testing.T, fs vfs.FS, log bool) (name string, j journal) {
	t.Helper()
	newest := uint64(0)
	for base := range contents(t, fs, "db") {
		if n, isLog, ok := journalNumber(base); ok && isLog == log && n >= newest {
			newest, name = n, path.Join("db", base)
		}
	}
	data, err := readJournal(fs, name)
	if err != nil {
		t.Fatal(err)
	}
	return name, journal{data: data, isLog: log, num: uint32(newest)}
}

// TestMarkedIsKnown: what was on disk when a mark was written cannot be lost
// without a word, whatever has become of it. Without a mark the last record could
// as well have been in the middle of being written.
func TestMarkedIsKnown(t *testing.T) {
	for _, log := range []bool{true, false} {
		for _, marked := range []bool{true, false} {
			fs := crashed(t, !log, marked)
			name, j := journalOf(t, fs, log)
			// The last record but the marks: its second half is not what it was.
			at, end, before := 0, 0, 0
			j.read(func(c chunk) {
				if _, isMark := readMark(c); !isMark {
					at, end = before, c.end
				}
				before = c.end
			})
			for i := (at + end) / 2; i < end; i++ {
				j.data[i] = 0xa5
			}
			if err := writeFile(fs, name, j.data); err != nil {
				t.Fatal(err)
			}
			s, err := OpenReadOnly(Options{Dir: "db", FS: fs, CacheBytes: 1 << 20})
			if marked {
				if want := fmt.Sprintf("%s is damaged at byte %d", name, at); sqlerr.Code(err) != sqlerr.DataCorrupted || !strings.Contains(detailOf(err), want) {
					t.Errorf("%s: %v, %s", name, err, detailOf(err))
				}
				continue
			}
			if log && err != nil {
				t.Errorf("%s, not marked: %v", name, err)
			}
			if err == nil {
				closeStore(t, s)
			}
		}
	}
}

func detailOf(err error) string {
	if err == nil {
		return ""
	}
	if e := sqlerr.From(err); e != nil {
		return e.Detail
	}
	return ""
}

// TestMarkIsWritten: a second after the last sync the log says by itself that what
// was synced is on disk.
func TestMarkIsWritten(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s, err := Open(Options{Dir: "db", FS: fs, CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, s)
	if _, err := s.Commit(CommitReq{Epoch: 1, Sync: true}); err != nil {
		t.Fatal(err)
	}
	_, synced := journalOf(t, fs.CrashClone(vfs.CrashCloneCfg{}), true)
	_, versions := journalOf(t, fs, false)
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		_, j := journalOf(t, fs.CrashClone(vfs.CrashCloneCfg{}), true)
		_, bad, m := j.readMarks()
		if m.logBytes >= uint64(len(synced.data)) && m.manifestBytes == uint64(len(versions.data)) && bad == len(j.data) {
			if m.log != uint64(j.num) {
				t.Fatalf("the mark is %+v in log %d", m, j.num)
			}
			return
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("no mark; the last one is %+v, the log had %d bytes", m, len(synced.data))
		}
	}
}
