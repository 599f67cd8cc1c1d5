package sqllogictest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestParse compares the records of testdata/parse/*.slt with the goldens
// beside them.
func TestParse(t *testing.T) {
	for _, name := range inputs(t, "parse/*.slt") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			recs, err := ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			for i := range recs {
				dumpRecord(&out, &recs[i])
			}
			golden(t, strings.TrimSuffix(name, ".slt")+".golden", out.String())
		})
	}
}

func dumpRecord(out *strings.Builder, r *Record) {
	fmt.Fprintf(out, "%s: %s", filepath.ToSlash(r.Loc.String()), r.Kind)
	for _, c := range r.Conds {
		fmt.Fprintf(out, " cond=%+v", c)
	}
	if r.Conn != "" && r.Conn != defaultConnection {
		fmt.Fprintf(out, " conn=%s", r.Conn)
	}
	if r.Count >= 0 && r.Kind == KindStatement {
		fmt.Fprintf(out, " count=%d", r.Count)
	}
	for _, s := range []struct{ name, value string }{
		{"types", r.Types}, {"sort", string(r.Sort)}, {"label", r.Label}, {"arg", r.Arg}, {"vars", strings.Join(r.Vars, ",")},
	} {
		if s.value != "" {
			fmt.Fprintf(out, " %s=%s", s.name, s.value)
		}
	}
	if r.Retry.Attempts > 0 {
		fmt.Fprintf(out, " retry=%d/%v", r.Retry.Attempts, r.Retry.Backoff)
	}
	if r.Sleep > 0 {
		fmt.Fprintf(out, " sleep=%v", r.Sleep)
	}
	if r.Kind == KindHashThreshold {
		fmt.Fprintf(out, " threshold=%d", r.Threshold)
	}
	out.WriteString("\n")
	if r.SQL != "" {
		fmt.Fprintf(out, "  sql %q\n", r.SQL)
	}
	if r.Error != nil {
		fmt.Fprintf(out, "  %q multiline=%v\n", r.Error.String(), r.Error.IsMultiline)
	}
	if r.HasResults {
		fmt.Fprintf(out, "  lines %d to %d %q\n", r.span.resFrom, r.span.resTo, r.Results)
	}
}

func TestParseErrors(t *testing.T) {
	for _, tc := range []struct{ script, want string }{
		{"bogus\n", `f.slt:1: invalid line: "bogus"`},
		{"\nselect 1\n", `f.slt:2: invalid line: "select 1"`},
		{"statement\nselect 1\n", `f.slt:1: invalid line: "statement"`},
		{"statement maybe\nselect 1\n", `f.slt:1: invalid line`},
		{"statement ok", `f.slt:1: unexpected end of file after "statement ok"`},
		{"statement ok\nselect 1\n----\n1\n", `f.slt:1: a statement has no results, use query instead`},
		{"statement count\nselect 1\n", `f.slt:1: statement count without a number`},
		{"statement count x\nselect 1\n", `f.slt:1: invalid number: "x"`},
		{"statement error [\nselect 1\n", `f.slt:1: invalid error pattern`},
		{"query error a\nselect 1\n----\nb\n", `f.slt:1: an error text both after error and under ----`},
		{"statement ok retry 0 backoff 1s\nselect 1\n", `f.slt:1: invalid number of attempts: "0"`},
		{"query T retry 2\nselect 1\n", `f.slt:1: expected "retry N backoff DURATION", found "retry 2"`},
		{"query T label more\nselect 1\n", `f.slt:1: expected "retry N backoff DURATION", found "more"`},
		{"query T retry 2 backoff 1x\nselect 1\n", `f.slt:1: invalid duration: "1x"`},
		{"sleep soon\n", `f.slt:1: invalid duration: "soon"`},
		{"control sortmode up\n", `f.slt:1: invalid control`},
		{"control color on\n", `f.slt:1: invalid control`},
		{"hash-threshold -1\n", `f.slt:1: invalid number: "-1"`},
		{"halt now\n", `f.slt:1: invalid line: "halt now"`},
		{"let 1a\nselect 1\n", `f.slt:1: invalid variable name in let: "1a"`},
		{"let a\nselect 1\n----\n1\n", `f.slt:1: a let record has no results`},
		{"system maybe\nls\n", `f.slt:1: invalid line`},
		{"# a comment\n\ninclude nothing*.slt\n", `f.slt:3: no file matches include "nothing*.slt"`},
		{"statement error\nselect 1\n----\na\n\nb\n\nstatement ok\nselect 1\n", `f.slt:8: a record starts in the text of line 1, which two blank lines must end`},
		{"include [\n", `f.slt:1: invalid include pattern "["`},
	} {
		_, err := Parse("f.slt", tc.script)
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%q: got %v, want %s", tc.script, err, tc.want)
		}
	}
}

func TestParseIncludeErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("part", "\nwrong here\n")
	outer := write("outer.slt", "include part\n")
	_, err := ParseFile(outer)
	want := fmt.Sprintf("%s:2 (included at %s:1): invalid line: \"wrong here\"", filepath.Join(dir, "part"), outer)
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	loop := write("loop.slt", "include loop.slt\n")
	if _, err = ParseFile(loop); err == nil || !strings.Contains(err.Error(), "nested deeper than 32") {
		t.Errorf("cycle: got %v", err)
	}
	if _, err = ParseFile(filepath.Join(dir, "absent.slt")); err == nil {
		t.Error("a file that is not there was parsed")
	}
}

func TestParseDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"1s": time.Second, "500ms": 500 * time.Millisecond, "1m30s": 90 * time.Second,
		"2sec": 2 * time.Second, "3min": 3 * time.Minute, "1.5s": 1500 * time.Millisecond, "1hour": time.Hour,
	} {
		if got, err := parseDuration(s); err != nil || got != want {
			t.Errorf("%s: got %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "1", "s", "-1s", "1s ", "1week"} {
		if got, err := parseDuration(s); err == nil {
			t.Errorf("%q: got %v, want an error", s, got)
		}
	}
}

func TestReadList(t *testing.T) {
	files, err := ReadList(strings.NewReader(
		"# comment\na.slt\n\n#init: SET x TO 1\n#init: SET y TO 2\nb/b.slt\nb/c.slt\n#init:\nd.slt\n"), "root")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, f := range files {
		fmt.Fprintf(&got, "%s %s %q\n", filepath.ToSlash(f.Path), f.Name, f.Init)
	}
	want := `root/a.slt a.slt []
root/b/b.slt b/b.slt ["SET x TO 1" "SET y TO 2"]
root/b/c.slt b/c.slt ["SET x TO 1" "SET y TO 2"]
root/d.slt d.slt []
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

func TestMatchGlob(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"a/*.slt", "a/b.slt", true}, {"a/*.slt", "a/b/c.slt", false}, {"a/**/*.slt", "a/b/c/d.slt", true},
		{"a/**/*.slt", "a/d.slt", true}, {"**", "a/b", true}, {"a/**", "b/a", false}, {"./a/?.slt", "a/x.slt", true},
		{"**/q[12].slt", "tpch/q2.slt", true}, {"a", "a/b", false},
	} {
		if got, err := MatchGlob(tc.pattern, tc.name); err != nil || got != tc.want {
			t.Errorf("%s on %s: got %v, %v", tc.pattern, tc.name, got, err)
		}
	}
	names, err := Glob("testdata/r*/**/basic.*")
	if err != nil || fmt.Sprint(names) != "[testdata/run/basic.golden testdata/run/basic.slt]" {
		t.Errorf("got %v, %v", names, err)
	}
}
