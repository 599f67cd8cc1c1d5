package sqllogictest

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Reasons says why records are known to fail: "file:line", as reports name
// them, to the reason. Its file has the form that ReadExceptFile reads; unlike
// the records of an except file, these are run.
type Reasons map[string]string

// Verdict is what a report says about a list of reasons.
type Verdict struct {
	// Unexplained are failures without a reason, each record once.
	Unexplained []Failure
	// Stale are the listed records, "file:line", of files that ran and in which
	// no such record failed.
	Stale []string
	// Broken are files that did not run to their end, with the cause.
	Broken []string
}

// OK reports whether the list is true: each failure has a reason, and each
// record with a reason fails.
func (v *Verdict) OK() bool {
	return len(v.Unexplained) == 0 && len(v.Stale) == 0 && len(v.Broken) == 0
}

// Check compares the reasons with a report. Records of files that the report
// has not are not looked at.
func (rs Reasons) Check(r *Report) *Verdict {
	v := &Verdict{}
	ran, failed := map[string]bool{}, map[string]bool{}
	for i := range r.Files {
		f := &r.Files[i]
		ran[f.Name] = true
		for _, name := range f.Included {
			ran[name] = true
		}
		if f.Error != "" {
			v.Broken = append(v.Broken, f.Name+": "+f.Error)
		}
		for _, fail := range f.Failures {
			at := fail.position()
			if rs[at] == "" && !failed[at] {
				v.Unexplained = append(v.Unexplained, fail)
			}
			failed[at] = true
		}
	}
	for at := range rs {
		name, _ := splitPosition(at)
		if ran[name] && !failed[at] {
			v.Stale = append(v.Stale, at)
		}
	}
	slices.SortFunc(v.Stale, comparePositions)
	return v
}

// Write prints a line for each fault.
func (v *Verdict) Write(w io.Writer) error {
	var out strings.Builder
	for i := range v.Unexplained {
		fmt.Fprintf(&out, "no reason is given for %s\n", v.Unexplained[i].Summary())
	}
	for _, at := range v.Stale {
		fmt.Fprintf(&out, "%s: has a reason to fail, but did not\n", at)
	}
	for _, b := range v.Broken {
		fmt.Fprintf(&out, "did not run to its end: %s\n", b)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

const markdownHead = `# The outside corpus

Tests of another streaming database, run with ` + "`make corpus`" + `, which writes this file: the records of each folder, and those that
fail with the reason. A statement that only fails because one above it did stands with the reason of that one.

`

// WriteMarkdown writes the counts of each top folder and below them its failing
// records, by reason, the most frequent first.
func (rs Reasons) WriteMarkdown(w io.Writer, r *Report) error {
	var out strings.Builder
	out.WriteString(markdownHead + "| folder | files | records passed | failed | passed % |\n|---|---:|---:|---:|---:|\n")
	folders := slices.Clone(r.Folders)
	slices.SortFunc(folders, func(a, b Folder) int { return cmp.Compare(a.Name, b.Name) })
	for _, f := range append(folders, Folder{Name: "total", Counts: r.Total}) {
		fmt.Fprintf(&out, "| %s | %d | %d | %d | %.1f |\n", f.Name, f.Files, f.Passed, f.Failed, percent(f.Passed, f.Passed+f.Failed))
	}
	for _, f := range folders {
		if f.Failed > 0 {
			rs.folder(&out, f.Name, r)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// folder writes the failing records of one folder. A record that several files
// include stands there once, with how often it failed.
func (rs Reasons) folder(out *strings.Builder, folder string, r *Report) {
	times, count := map[string]int{}, map[string]int{}
	by := map[string][]string{}
	for i := range r.Files {
		if !strings.HasPrefix(r.Files[i].Name, folder+"/") {
			continue
		}
		for j := range r.Files[i].Failures {
			at := r.Files[i].Failures[j].position()
			why := cmp.Or(rs[at], "no reason is given")
			if times[at]++; times[at] == 1 {
				by[why] = append(by[why], at)
			}
			count[why]++
		}
	}
	fmt.Fprintf(out, "\n## %s\n\n", folder)
	whys := slices.SortedFunc(maps.Keys(by), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	for _, why := range whys {
		at := by[why]
		slices.SortFunc(at, comparePositions)
		fmt.Fprintf(out, "- **%d**: %s\n  %s\n", count[why], why, places(at, times))
	}
}

// places lists sorted positions, the lines of one file behind its name.
func places(at []string, times map[string]int) string {
	var parts []string
	last := ""
	for _, a := range at {
		name, line := splitPosition(a)
		text := strconv.Itoa(line)
		if times[a] > 1 {
			text += fmt.Sprintf(" (%d times)", times[a])
		}
		if name == last {
			parts[len(parts)-1] += ", " + text
			continue
		}
		parts, last = append(parts, "`"+name+"`: "+text), name
	}
	return strings.Join(parts, "; ")
}

// position is "file:line" of the failure.
func (f *Failure) position() string { return f.File + ":" + strconv.Itoa(f.Line) }

// splitPosition takes "file:line" apart; a line that is no number is 0.
func splitPosition(at string) (string, int) {
	i := strings.LastIndexByte(at, ':')
	line, err := strconv.Atoi(at[i+1:])
	if i < 0 || err != nil {
		return at, 0
	}
	return at[:i], line
}

func comparePositions(a, b string) int {
	an, al := splitPosition(a)
	bn, bl := splitPosition(b)
	return cmp.Or(cmp.Compare(an, bn), cmp.Compare(al, bl))
}
