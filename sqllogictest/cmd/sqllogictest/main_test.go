package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes a file in a folder and gives its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRun needs no server: one file has no record that runs on one, and the
// other does not parse.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a/good.slt", "control sortmode rowsort\n\nsystem ok\ntrue\n")
	write(t, dir, "b/bad.slt", "bogus\n")
	list := write(t, dir, "list", "a/good.slt\n#init: SET x TO 1\nb/bad.slt\n")
	report := filepath.Join(dir, "report.json")
	stale := write(t, dir, "stale", "# comment\na/good.slt:3 it is known\n")
	table := filepath.Join(dir, "table.md")
	base := []string{"-url", "postgres://localhost:1/db", "-keep"}
	for _, tc := range []struct {
		args []string
		ok   bool
		want string
	}{
		{[]string{"-root", dir, "-list", list, "-json", report}, false, "bad.slt:1: invalid line: \"bogus\""},
		{[]string{"-root", dir, "-list", list, "a/*"}, true, "total                      1       1"},
		{[]string{"-root", dir, "-list", list, "-v", "**/good.slt"}, true, "ok a/good.slt: 0 passed, 0 failed, 1 skipped"},
		{[]string{"-root", dir, filepath.Join(dir, "**", "good.slt")}, true, "a                          1       1"},
		{[]string{"-root", dir, "-list", list, "-reasons", stale, "-markdown", table, "a/*"}, false, "a/good.slt:3: has a reason to fail, but did not"},
		{[]string{"-root", dir, "-list", list, "-reasons", stale, "b/*"}, false, "did not run to its end: b/bad.slt"},
		{[]string{"-allow-system", filepath.Join(dir, "a", "good.slt")}, true, "parse errors 0"},
	} {
		var out bytes.Buffer
		ok, err := run(t.Context(), append(base[:len(base):len(base)], tc.args...), &out, &out)
		if err != nil || ok != tc.ok || !strings.Contains(out.String(), tc.want) {
			t.Errorf("%v: %v, %v\n%s", tc.args, ok, err, out.String())
		}
	}
	if text, err := os.ReadFile(report); err != nil || !strings.Contains(string(text), `"name": "b/bad.slt"`) {
		t.Errorf("report %s, %v", text, err)
	}
	if text, err := os.ReadFile(table); err != nil || !strings.Contains(string(text), "| a | 1 | 0 | 0 |") {
		t.Errorf("table %s, %v", text, err)
	}
}

func TestUsageErrors(t *testing.T) {
	dir := t.TempDir()
	except := write(t, dir, "except", "a.slt:1\n")
	url := []string{"-url", "postgres://localhost:1/db"}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, "-url is needed"},
		{url, "nothing to run"},
		{append(url, filepath.Join(dir, "*.slt")), "no file matches"},
		{append(url, "-list", filepath.Join(dir, "absent")), "open list"},
		{append(url, "-except", except, "x"), "except:1: expected \"file:line reason\""},
		{append(url, "-markdown", "x.md", "x"), "-markdown needs -reasons"},
		{append(url, "-bogus"), "flag provided but not defined"},
	} {
		var out bytes.Buffer
		_, err := run(t.Context(), tc.args, &out, &out)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: got %v, want %s", tc.args, err, tc.want)
		}
	}
}
