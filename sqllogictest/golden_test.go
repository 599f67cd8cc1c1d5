package sqllogictest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// golden compares text with a file of testdata, or writes the file under
// -rewrite.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if rewriteFlag() {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-golden +got):\n%s", name,
			strings.Join(diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")), "\n"))
	}
}

// inputs gives the files of a pattern below testdata; none is a failure.
func inputs(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("no inputs %s: %v", pattern, err)
	}
	return names
}
