package sqllogictest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRun runs testdata/run/*.slt and compares the reports with the goldens.
func TestRun(t *testing.T) {
	for _, name := range inputs(t, "run/*.slt") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			report := runFake(t, Options{URL: startFake(t).url()}, name)
			golden(t, strings.TrimSuffix(name, ".slt")+".golden", dumpReport(report))
		})
	}
}

// TestRunLax runs the failing files once more; only errors of another kind may
// pass now.
func TestRunLax(t *testing.T) {
	name := filepath.Join("testdata", "run", "failures.slt")
	strict := runFake(t, Options{URL: startFake(t).url()}, name)
	lax := runFake(t, Options{URL: startFake(t).url(), LaxErrors: true}, name)
	var want []string
	for i := range strict.Files[0].Failures {
		if f := &strict.Files[0].Failures[i]; f.Reason != "failed with another error" {
			want = append(want, f.Summary())
		}
	}
	var got []string
	for i := range lax.Files[0].Failures {
		got = append(got, lax.Files[0].Failures[i].Summary())
	}
	if !slices.Equal(got, want) || len(got) == len(strict.Files[0].Failures) {
		t.Errorf("got %s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// runFake runs a file against the scripted server, with the options that the
// comment in its first line names.
func runFake(t *testing.T, opts Options, name string) *Report {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	if labels, ok := strings.CutPrefix(first, "# labels: "); ok {
		opts.Labels = strings.Fields(labels)
	}
	opts.AllowSystem = first == "# system"
	opts.Timeout = 300 * time.Millisecond
	if opts.AllowSystem {
		opts.Timeout = 10 * time.Second
	}
	report, err := Run(t.Context(), opts, File{Path: name, Name: filepath.Base(name)})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

var lostRE = regexp.MustCompile(`connection lost: .*`)

func dumpReport(r *Report) string {
	var out strings.Builder
	for i := range r.Files {
		f := &r.Files[i]
		for k := range f.Failures {
			out.WriteString(lostRE.ReplaceAllString(f.Failures[k].String(), "connection lost"))
		}
		for _, w := range f.Warnings {
			fmt.Fprintf(&out, "warning: %s\n", w)
		}
		if f.Error != "" {
			fmt.Fprintf(&out, "error: %s\n", f.Error)
		}
	}
	fmt.Fprintf(&out, "%+v\n", r.Total)
	return out.String()
}

// TestRewrite rewrites testdata/rewrite/all.slt and the file that it includes,
// and runs the outcome: what a rewrite can change passes then.
func TestRewrite(t *testing.T) {
	dir := t.TempDir()
	for _, name := range inputs(t, "rewrite/*.part") {
		copyFile(t, name, dir)
	}
	for _, name := range inputs(t, "rewrite/*.slt") {
		copyFile(t, name, dir)
		path := filepath.Join(dir, filepath.Base(name))
		url := startFake(t).url()
		first := runFake(t, Options{URL: url, Rewrite: true}, path)
		base := strings.TrimSuffix(name, ".slt")
		rewritten, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, base+".golden", string(rewritten))
		part, err := os.ReadFile(filepath.Join(dir, "part.slt.part"))
		if err != nil {
			t.Fatal(err)
		}
		golden(t, base+".part.golden", string(part))
		second := runFake(t, Options{URL: url}, path)
		if second.Total.Failed != first.Total.Failed || first.Total.Rewritten == 0 {
			t.Errorf("first run %+v, second %+v\n%s", first.Total, second.Total, dumpReport(second))
		}
	}
}

func copyFile(t *testing.T, name, dir string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// script runs the text of a test file against a server.
func script(t *testing.T, opts Options, text string, init ...string) *FileReport {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script.slt")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), opts, File{Path: path, Name: "script.slt", Init: init})
	if err != nil {
		t.Fatal(err)
	}
	return &report.Files[0]
}

// TestAfterStatement drops all connections after each statement. The file must
// not notice, but for the numbers of its connections.
func TestAfterStatement(t *testing.T) {
	server := startFake(t)
	calls := 0
	f := script(t, Options{URL: server.url(), AfterStatement: func(context.Context) error {
		calls++
		server.dropConns()
		return nil
	}}, `statement ok
set a = 1

query T
show a
----
1

statement ok
begin

query T
conn
----
3

statement ok
commit

statement error
bogus

connection other
query T
conn
----
5

query T
show i
----
here
`, "set i = here")
	if !f.OK() || calls != 6 {
		t.Errorf("%d calls, %+v", calls, f)
	}
	f = script(t, Options{URL: server.url(), AfterStatement: func(context.Context) error {
		return errors.New("did not start")
	}}, "statement ok\ntag OK\n")
	if f.Failed != 1 || !strings.Contains(f.Failures[0].Got, "did not start") {
		t.Errorf("a failed hook: %+v", f)
	}
}

func TestInitFailureIsAWarning(t *testing.T) {
	f := script(t, Options{URL: startFake(t).url()}, "statement ok\ntag OK\n", "bogus")
	if !f.OK() || len(f.Warnings) != 1 || !strings.Contains(f.Warnings[0], `init: init "bogus"`) {
		t.Errorf("%+v", f)
	}
}

func TestExcept(t *testing.T) {
	opts := Options{URL: startFake(t).url(), Except: map[string]string{"script.slt:1": "says why"}}
	f := script(t, opts, "statement ok\nbogus\n\nstatement ok\ntag OK\n")
	if !f.OK() || f.Skipped != 1 || f.Passed != 1 {
		t.Errorf("%+v", f)
	}
}

func TestNoServer(t *testing.T) {
	server := startFake(t)
	server.listener.Close()
	start := time.Now()
	opts := Options{URL: server.url(), ConnectTimeout: 50 * time.Millisecond}
	f := script(t, opts, strings.Repeat("statement error\nbogus\n\n", 20))
	if f.Failed != 20 || !strings.Contains(f.Failures[0].Got, "connect: ") {
		t.Errorf("%+v", f)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("20 records took %v", d)
	}
}

func TestServerThatComesBack(t *testing.T) {
	first, second := startFake(t), startFake(t)
	current := first
	f := script(t, Options{URLFunc: func() string { return current.url() }, AfterStatement: func(context.Context) error {
		first.listener.Close()
		first.dropConns()
		current = second
		return nil
	}}, "statement ok\nset a = 1\n\nquery T\nshow a\n----\n1\n")
	if !f.OK() {
		t.Errorf("%+v", f)
	}
}

func TestCancelledRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := startFake(t)
	hook := func(context.Context) error { cancel(); return nil }
	name := filepath.Join("testdata", "run", "basic.slt")
	report, err := Run(ctx, Options{URL: server.url(), AfterStatement: hook}, Paths(name, name)...)
	if err != nil {
		t.Fatal(err)
	}
	if report.OK() || report.Files[0].Passed != 1 || !strings.HasPrefix(report.Files[0].Error, "stopped before") ||
		!strings.HasPrefix(report.Files[1].Error, "not run") {
		t.Errorf("%+v", report.Files)
	}
}

func TestOptions(t *testing.T) {
	for _, opts := range []Options{
		{}, {URL: "x", Jobs: 2}, {URL: "x", Jobs: 2, FreshDatabase: true, DropNew: true},
		{URL: "x", Jobs: 2, FreshDatabase: true, AfterStatement: func(context.Context) error { return nil }},
	} {
		if _, err := Run(t.Context(), opts); err == nil {
			t.Errorf("%+v was taken", opts)
		}
	}
}

func TestSummary(t *testing.T) {
	r := &Report{Files: []FileReport{
		{Name: "a/x.slt", Passed: 3, Failed: 1}, {Name: "a/b/y.slt", Passed: 4}, {Name: "z.slt", Error: "broken", ParseFailed: true},
	}}
	r.sum(1500 * time.Millisecond)
	var out strings.Builder
	if err := r.WriteSummary(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "summary.golden"), out.String())
	out.Reset()
	if err := r.WriteJSON(&out); err != nil || !strings.Contains(out.String(), `"parse_errors": 1`) {
		t.Errorf("%v in %s", err, out.String())
	}
	if r.OK() {
		t.Error("a report with failures is OK")
	}
}

// TestRunDir is the one test of the runner on a real server: SLT_TEST_URL, or
// else the scripted one, on the files that suit it.
func TestRunDir(t *testing.T) {
	if url := os.Getenv("SLT_TEST_URL"); url != "" {
		RunDir(t, url, "testdata/postgres/*.slt")
		return
	}
	RunDir(t, startFake(t).url(), "testdata/run/b*.slt", func(o *Options) { o.DropNew, o.Rewrite = false, false })
}
