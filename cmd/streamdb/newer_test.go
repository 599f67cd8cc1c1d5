package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// files is every file below a directory with what it holds.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestNewerDirectory: the server and the tools refuse a directory of a newer
// version, say both versions, end with status 1 and leave every file as it was.
func TestNewerDirectory(t *testing.T) {
	s := newServer(t, "-log-level", "warn")
	s.start()
	c := s.connect()
	s.exec(c, "create table t (a int); insert into t values (1)")
	s.stop()
	path := filepath.Join(s.dir, "STREAMDB")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("streamdb 99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := files(t, s.dir)
	for _, args := range [][]string{
		{"-listen", freeAddr(t), "-data-dir", s.dir},
		{"check", "-data-dir", s.dir},
	} {
		code, out := command(t, args...)
		if code != 1 || !strings.Contains(out, "state format 99, this version knows up to 1") {
			t.Errorf("streamdb %s: status %d\n%s", strings.Join(args, " "), code, out)
		}
		after := files(t, s.dir)
		if len(after) != len(before) {
			t.Errorf("streamdb %s: %d files, before %d", args[0], len(after), len(before))
		}
		for name, b := range before {
			if after[name] != b {
				t.Errorf("streamdb %s has changed %s", args[0], name)
			}
		}
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	c = s.connect()
	var n int
	if err := c.QueryRow(t.Context(), "select count(*) from t").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
}
