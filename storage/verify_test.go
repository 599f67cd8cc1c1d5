package storage

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"streamdb/internal/sqlerr"
)

// manyFiles makes a store of several table files, and a log that holds the last epoch.
// states is what was there after each epoch.
func manyFiles(t *testing.T, fs vfs.FS) (states []string) {
	t.Helper()
	s := open(t, fs, func(o *Options) { o.IngestBytes = 20_000 })
	for epoch := range 8 {
		table := s.OpenTable(TableDef{ID: TableID(20 + epoch%2)}, AllVNodes)
		n := 400
		if epoch > 4 {
			n = 20
		}
		for i := range n {
			table.Put(VNode(i), fmt.Appendf(nil, "key%05d", epoch*1000+i), noise(epoch*1000+i))
		}
		commit(t, s, CommitReq{Deltas: []*Delta{table.Seal(s.Visible() + 1)}, Sync: true})
		table.Close()
		states = append(states, wholeStateOf(t, s.Snapshot()))
		if epoch == 2 {
			if err := s.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	closeStore(t, s)
	return states
}

// contents is every file of a directory with what it holds.
func contents(t *testing.T, fs vfs.FS, dir string) map[string]string {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range names {
		path := fs.PathJoin(dir, name)
		if info, err := fs.Stat(path); err != nil || info.IsDir() {
			continue
		}
		f, err := fs.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(b)
	}
	return out
}

func sameFiles(t *testing.T, before, after map[string]string) {
	t.Helper()
	for name, b := range before {
		if a, ok := after[name]; !ok || a != b {
			t.Errorf("the file %s was changed", name)
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			t.Errorf("the file %s was made", name)
		}
	}
}

// TestReadOnly: a store that is opened to look at it shows what was committed,
// what is in the log included, and nothing in its directory changes.
func TestReadOnly(t *testing.T) {
	fs := vfs.NewMem()
	if _, err := OpenReadOnly(Options{Dir: "db", FS: fs}); sqlerr.Code(err) != sqlerr.UndefinedFile {
		t.Errorf("without a directory: %v", err)
	}
	if err := fs.MkdirAll("db", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadOnly(Options{Dir: "db", FS: fs}); sqlerr.Code(err) != sqlerr.UndefinedFile {
		t.Errorf("without a store: %v", err)
	}
	manyFiles(t, fs)
	w := open(t, fs)
	if _, err := OpenReadOnly(Options{Dir: "db", FS: fs}); sqlerr.Code(err) != sqlerr.ObjectInUse {
		t.Errorf("while another one is open: %v", err)
	}
	want := wholeStateOf(t, w.Snapshot())
	closeStore(t, w)
	before := contents(t, fs, "db")
	s, err := OpenReadOnly(Options{Dir: "db", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	if got := wholeStateOf(t, s.Snapshot()); got != want {
		t.Error("another state than it was written")
	}
	v, damage, err := s.Verify(t.Context())
	if err != nil || len(damage) > 0 || v.Files < 1 || v.Rows < 2000 {
		t.Errorf("verified %+v, found %v, %v", v, damage, err)
	}
	if ids, err := s.Tables(); err != nil || fmt.Sprint(ids) != "[20 21]" {
		t.Errorf("tables %v, %v", ids, err)
	}
	if _, err := s.Commit(CommitReq{Epoch: 100}); err == nil {
		t.Error("a commit to a store that is open for reading")
	}
	closeStore(t, s)
	sameFiles(t, before, contents(t, fs, "db"))
}

func wholeStateOf(t *testing.T, snap Snapshot) string {
	t.Helper()
	defer snap.Close()
	return dump(t, snap, 20) + "|" + dump(t, snap, 21)
}

// TestEveryFlippedByteIsFound flips bytes all over the files of a store, one at a
// time. Whatever is hit, no wrong row is ever served: opening fails, or a read
// does, or all rows are right; and a hit table file is named by Verify.
func TestEveryFlippedByteIsFound(t *testing.T) {
	fs := vfs.NewMem()
	states := manyFiles(t, fs)
	want := states[len(states)-1]
	files := contents(t, fs, "db")
	tables, refused, opened := 0, 0, 0
	for name, b := range files {
		if name == "LOCK" || strings.HasPrefix(name, "OPTIONS") || strings.HasPrefix(name, "marker") {
			continue // no content of ours, or none at all
		}
		step := max(1, len(b)/20)
		for at := 0; at < len(b); at += step {
			flipByte(t, fs, "db/"+name, int64(at))
			got, err := stateAfterDamage(t, fs)
			switch {
			case err != nil:
				refused++
				if code := sqlerr.Code(err); code != sqlerr.DataCorrupted && code != sqlerr.IOError && code != sqlerr.FeatureNotSupported {
					t.Errorf("%s at %d: %v", name, at, err)
				}
			case got != want:
				t.Errorf("%s, byte %d of %d: a wrong state was served", name, at, len(b))
			default:
				opened++
			}
			if strings.HasSuffix(name, ".sst") {
				tables++
				if found := damaged(t, fs); !strings.Contains(found, name) && at < len(b)-60 { // the footer has no block
					t.Errorf("%s, byte %d of %d is not found: %s", name, at, len(b), found)
				}
			}
			flipByte(t, fs, "db/"+name, int64(at))
		}
	}
	t.Logf("%d bytes of table files; refused %d, without harm %d", tables, refused, opened)
	if tables < 20 || refused < 80 {
		t.Error("too few cases")
	}
	sameFiles(t, files, contents(t, fs, "db"))
}

// TestJournalsAfterCrash flips a bit of each byte of the log and of the list of
// table files of a store that was not closed, also of their last records: each is
// found or does no harm.
func TestJournalsAfterCrash(t *testing.T) {
	fs := vfs.NewMem()
	states := manyFiles(t, fs)
	want := states[len(states)-1]
	if err := writeFormat(fs, "db", formatInfo{format: StateFormat}); err != nil {
		t.Fatal(err)
	}
	for name, b := range contents(t, fs, "db") {
		_, isLog, ok := journalNumber(name)
		if !ok || len(b) < 100 { // a log without records
			continue
		}
		step := 1
		if isLog {
			step = max(1, len(b)/500)
		}
		refused, harmless := 0, 0
		for at := 0; at < len(b); at += step {
			flipByte(t, fs, "db/"+name, int64(at))
			switch got, err := stateAfterDamage(t, fs); {
			case err != nil:
				refused++
				if sqlerr.Code(err) != sqlerr.DataCorrupted {
					t.Errorf("%s, byte %d of %d: %v", name, at, len(b), err)
				}
			case got != want:
				t.Errorf("%s, byte %d of %d: another state", name, at, len(b))
			default:
				harmless++
			}
			flipByte(t, fs, "db/"+name, int64(at))
		}
		t.Logf("%s, %d bytes: refused %d, harmless %d", name, len(b), refused, harmless)
		if refused < 100 || harmless > refused/10 {
			t.Error("too few are found")
		}
	}
}

// stateAfterDamage reads everything, without writing.
func stateAfterDamage(t *testing.T, fs vfs.FS) (state string, err error) {
	s, err := OpenReadOnly(Options{Dir: "db", FS: fs, CacheBytes: 1 << 20, Fatal: func(string) {}})
	if err != nil {
		return "", err
	}
	defer s.Close()
	snap := s.Snapshot()
	defer snap.Close()
	var b bytes.Buffer
	for _, table := range []TableID{20, 21} {
		var part bytes.Buffer
		err := snap.ScanTable(table, func(v VNode, key, value []byte) (bool, error) {
			fmt.Fprintf(&part, "%d/%s=%s ", v, key, value)
			return true, nil
		})
		if err != nil {
			return "", err
		}
		b.Write(bytes.TrimSpace(part.Bytes()))
		if table == 20 {
			b.WriteByte('|')
		}
	}
	return b.String(), nil
}

// damaged is what a check says of the store.
func damaged(t *testing.T, fs vfs.FS) string {
	t.Helper()
	var found []Damage
	s, err := OpenReadOnly(Options{Dir: "db", FS: fs, CacheBytes: 1 << 20, Fatal: func(string) {}})
	if err == nil {
		_, found, err = s.Verify(t.Context())
		s.Close()
	}
	if err != nil {
		if found, err = VerifyFiles(t.Context(), fs, "db"); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprint(found)
}

// TestNewerFormat: a directory that a newer version wrote is refused with both
// versions in the message, and nothing in it is touched.
func TestNewerFormat(t *testing.T) {
	fs := vfs.NewMem()
	manyFiles(t, fs)
	if got := contents(t, fs, "db")[formatFile]; !strings.HasPrefix(got, fmt.Sprintf("streamdb %d\nclosed at epoch 8\n", StateFormat)) {
		t.Errorf("the format file says %q", got)
	}
	if err := writeFile(fs, "db/"+formatFile, fmt.Appendf(nil, "streamdb %d\nand more\n", StateFormat+1)); err != nil {
		t.Fatal(err)
	}
	before := contents(t, fs, "db")
	for _, open := range []func(Options) (*Store, error){Open, OpenReadOnly} {
		_, err := open(Options{Dir: "db", FS: fs})
		want := fmt.Sprintf("state format %d, this version knows up to %d", StateFormat+1, StateFormat)
		if sqlerr.Code(err) != sqlerr.FeatureNotSupported || !strings.Contains(err.Error(), want) {
			t.Errorf("newer format: %v", err)
		}
	}
	sameFiles(t, before, contents(t, fs, "db"))
	if err := writeFile(fs, "db/"+formatFile, []byte("something else")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: "db", FS: fs}); sqlerr.Code(err) != sqlerr.DataCorrupted {
		t.Errorf("no format: %v", err)
	}
	// One of before the file is opened, and then has it.
	if err := fs.Remove("db/" + formatFile); err != nil {
		t.Fatal(err)
	}
	s := open(t, fs)
	if got := contents(t, fs, "db")[formatFile]; !strings.HasPrefix(got, fmt.Sprintf("streamdb %d\nchecksum ", StateFormat)) {
		t.Errorf("the format file says %q", got)
	}
	closeStore(t, s)
}
