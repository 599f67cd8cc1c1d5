package sqllogictest

import (
	"flag"
	"fmt"
	"path/filepath"
	"testing"
)

// Option changes the options of RunDir.
type Option func(*Options)

// RunDir runs the files that match a pattern (see Glob) as subtests, one for
// each file, named by the file's path below the pattern's fixed part. What a
// file leaves behind is dropped before the next one. A file without a record
// fails, as does a pattern without a file.
//
// With the test flag -rewrite, if a package of the test binary registers it,
// the files are rewritten.
func RunDir(t *testing.T, url, glob string, options ...Option) {
	t.Helper()
	opts := Options{URL: url, DropNew: true, Rewrite: rewriteFlag()}
	for _, o := range options {
		o(&opts)
	}
	names, err := Glob(glob)
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Fatalf("no test file matches %s", glob)
	}
	root := fixedPart(glob)
	for _, path := range names {
		name, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.ToSlash(name), func(t *testing.T) {
			RunFile(t, opts, File{Path: path})
		})
	}
}

// RunFile runs one file within a test, and fails the test for each of its
// failed records.
func RunFile(t *testing.T, opts Options, f File) {
	t.Helper()
	report, err := Run(t.Context(), opts, f)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range report.Files {
		for _, w := range file.Warnings {
			t.Log(w)
		}
		for i := range file.Failures {
			t.Error(file.Failures[i].String())
		}
		if file.Error != "" {
			t.Error(file.Error)
		}
		if file.Passed+file.Failed+file.Skipped == 0 && file.Error == "" {
			t.Error("the file has no record that runs")
		}
	}
}

// rewriteFlag gives the value of the test flag -rewrite, which the datadriven
// package registers; false if there is none.
func rewriteFlag() bool {
	f := flag.Lookup("rewrite")
	return f != nil && fmt.Sprint(f.Value) == "true"
}

// fixedPart gives the folders of a pattern before its first special character.
func fixedPart(pattern string) string {
	dir := pattern
	for containsSpecial(dir) || dir == pattern {
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	return dir
}
