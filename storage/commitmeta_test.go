package storage

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestCommitMetaIsDurable: entries of the meta keyspace that were committed alone
// survive a crash, with all epochs before them, and are seen at once.
func TestCommitMetaIsDurable(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s, err := Open(Options{Dir: "db", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	has := func(s *Store, key string) bool {
		t.Helper()
		found := false
		err := s.MetaScan(nil, func(k, _ []byte) (bool, error) {
			found = found || string(k) == key
			return true, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if _, err := s.Commit(CommitReq{Epoch: 5, Meta: []KV{{Key: []byte("a"), Value: []byte("1")}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.CommitMeta([]KV{{Key: []byte("b"), Value: []byte("1")}}); err != nil {
		t.Fatal(err)
	}
	if !has(s, "b") || s.Visible() != 5 {
		t.Error("the entry is not seen, or the epoch has changed")
	}
	if _, err := s.Commit(CommitReq{Epoch: 6, Meta: []KV{{Key: []byte("c"), Value: []byte("1")}}}); err != nil {
		t.Fatal(err)
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(Options{Dir: "db", FS: crashed}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !has(s, "a") || !has(s, "b") || has(s, "c") || s.Visible() != 5 {
		t.Errorf("after the crash the epoch is %d", s.Visible())
	}
}
