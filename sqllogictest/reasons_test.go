package sqllogictest

import (
	"strings"
	"testing"
)

// reasonsReport is two files of which the first includes a part, twice.
func reasonsReport() *Report {
	r := &Report{Files: []FileReport{
		{Name: "a/x.slt", Passed: 3, Failed: 3, Included: []string{"a/p.part"}, Failures: []Failure{
			{File: "a/p.part", Line: 12, Kind: KindQuery, Reason: "failed", Got: "no"},
			{File: "a/p.part", Line: 12, Kind: KindQuery, Reason: "failed", Got: "no"},
			{File: "a/x.slt", Line: 7, Kind: KindStatement, Reason: "failed", Got: "boom"},
		}},
		{Name: "b/y.slt", Passed: 1},
	}}
	r.sum(0)
	return r
}

func TestReasonsCheck(t *testing.T) {
	for _, tc := range []struct {
		name    string
		reasons Reasons
		broken  string
		want    string
	}{
		{"true list", Reasons{"a/p.part:12": "p", "a/x.slt:7": "x"}, "", ""},
		{"a file that did not run", Reasons{"a/p.part:12": "p", "a/x.slt:7": "x", "c/z.slt:1": "z"}, "", ""},
		{"unexplained", Reasons{"a/p.part:12": "p"}, "", "no reason is given for a/x.slt:7: statement: failed: boom\n"},
		{"unexplained once", Reasons{"a/x.slt:7": "x"}, "", "no reason is given for a/p.part:12: query: failed: no\n"},
		{"stale", Reasons{"a/p.part:12": "p", "a/x.slt:7": "x", "b/y.slt:10": "y", "b/y.slt:9": "y", "a/p.part:1": "y"}, "",
			"a/p.part:1: has a reason to fail, but did not\nb/y.slt:9: has a reason to fail, but did not\nb/y.slt:10: has a reason to fail, but did not\n"},
		{"broken", Reasons{"a/p.part:12": "p", "a/x.slt:7": "x"}, "lost", "did not run to its end: b/y.slt: lost\n"},
	} {
		r := reasonsReport()
		r.Files[1].Error = tc.broken
		v := tc.reasons.Check(r)
		var out strings.Builder
		if err := v.Write(&out); err != nil || out.String() != tc.want || v.OK() != (tc.want == "") {
			t.Errorf("%s: ok %v, %v\n%s", tc.name, v.OK(), err, out.String())
		}
	}
}

func TestReasonsMarkdown(t *testing.T) {
	var out strings.Builder
	if err := (Reasons{"a/p.part:12": "parts are missing"}).WriteMarkdown(&out, reasonsReport()); err != nil {
		t.Fatal(err)
	}
	const want = markdownHead + `| folder | files | records passed | failed | passed % |
|---|---:|---:|---:|---:|
| a | 1 | 3 | 3 | 50.0 |
| b | 1 | 1 | 0 | 100.0 |
| total | 2 | 4 | 3 | 57.1 |

## a

- **2**: parts are missing
  ` + "`a/p.part`: 12 (2 times)" + `
- **1**: no reason is given
  ` + "`a/x.slt`: 7" + `
`
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
}
