package sqllogictest

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Report is the outcome of a run.
type Report struct {
	Files   []FileReport `json:"files"`
	Total   Counts       `json:"total"`
	Folders []Folder     `json:"folders"`
	// Elapsed is in seconds.
	Elapsed float64 `json:"elapsed_s"`
}

// Counts adds up files and records.
type Counts struct {
	Files       int `json:"files"`
	FilesPassed int `json:"files_passed"`
	ParseErrors int `json:"parse_errors"`
	Passed      int `json:"passed"`
	Failed      int `json:"failed"`
	Skipped     int `json:"skipped"`
	Rewritten   int `json:"rewritten"`
}

// Folder holds the counts of one top folder: the first part of a file's name.
type Folder struct {
	Name string `json:"name"`
	Counts
}

// FileReport is the outcome of one file.
type FileReport struct {
	Name string `json:"name"`
	// Passed, Failed and Skipped count records. Rewritten ones are passed, too.
	Passed    int `json:"passed"`
	Failed    int `json:"failed"`
	Skipped   int `json:"skipped"`
	Rewritten int `json:"rewritten,omitempty"`
	// Included names the other files whose records were among the file's.
	Included []string `json:"included,omitempty"`
	// Error is why the file did not run, or not to its end.
	Error       string    `json:"error,omitempty"`
	ParseFailed bool      `json:"parse_failed,omitempty"`
	Failures    []Failure `json:"failures,omitempty"`
	// Warnings do not fail the file: a failed init, leftovers and the like.
	Warnings []string `json:"warnings,omitempty"`
	// Elapsed is in seconds.
	Elapsed float64 `json:"elapsed_s"`
}

// OK reports whether the file ran to its end without a failed record.
func (f *FileReport) OK() bool { return f.Failed == 0 && f.Error == "" }

// Failure is one failed record.
type Failure struct {
	File string `json:"file"`
	Line int    `json:"line"`
	// IncludedAt lists the include lines that led to File, innermost first.
	IncludedAt []string `json:"included_at,omitempty"`
	Kind       Kind     `json:"kind"`
	Subtest    string   `json:"subtest,omitempty"`
	Reason     string   `json:"reason"`
	SQL        string   `json:"sql"`
	Expected   string   `json:"expected"`
	Got        string   `json:"got"`
}

// OK reports whether every file passed.
func (r *Report) OK() bool { return r.Total.FilesPassed == r.Total.Files }

func (c *Counts) add(f *FileReport) {
	c.Files++
	if f.OK() {
		c.FilesPassed++
	}
	if f.ParseFailed {
		c.ParseErrors++
	}
	c.Passed += f.Passed
	c.Failed += f.Failed
	c.Skipped += f.Skipped
	c.Rewritten += f.Rewritten
}

// sum fills in the totals from the files.
func (r *Report) sum(elapsed time.Duration) {
	r.Elapsed = elapsed.Seconds()
	index := map[string]int{}
	for i := range r.Files {
		f := &r.Files[i]
		top, _, found := strings.Cut(strings.TrimPrefix(f.Name, "/"), "/")
		if !found {
			top = "."
		}
		n, ok := index[top]
		if !ok {
			n = len(r.Folders)
			index[top] = n
			r.Folders = append(r.Folders, Folder{Name: top})
		}
		r.Folders[n].add(f)
		r.Total.add(f)
	}
}

// WriteJSON writes the report as JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

// WriteSummary writes a table with a line for each top folder.
func (r *Report) WriteSummary(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%-20s %7s %7s %9s %9s %9s %9s\n",
		"folder", "files", "ok", "passed", "failed", "skipped", "passed %")
	row := func(name string, c Counts) {
		if err == nil {
			_, err = fmt.Fprintf(w, "%-20s %7d %7d %9d %9d %9d %9.1f\n", name,
				c.Files, c.FilesPassed, c.Passed, c.Failed, c.Skipped, percent(c.Passed, c.Passed+c.Failed))
		}
	}
	for _, f := range r.Folders {
		row(f.Name, f.Counts)
	}
	row("total", r.Total)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "parse errors %d, rewritten %d, %.1fs\n", r.Total.ParseErrors, r.Total.Rewritten, r.Elapsed)
	return err
}

func percent(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// Summary is the failure in one line.
func (f *Failure) Summary() string {
	got, _, _ := strings.Cut(f.Got, "\n")
	if f.Reason == "another result" {
		got, _, _ = strings.Cut(normalize(f.SQL), "\n")
	}
	const lenMax = 140
	if len(got) > lenMax {
		got = strings.ToValidUTF8(got[:lenMax], "") + "..."
	}
	return fmt.Sprintf("%s:%d: %s: %s: %s", f.File, f.Line, f.Kind, f.Reason, got)
}

// String shows the failure in full.
func (f *Failure) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s:%d: %s: %s\n", f.File, f.Line, f.Kind, f.Reason)
	for _, at := range f.IncludedAt {
		fmt.Fprintf(&out, "  included at %s\n", at)
	}
	if f.Subtest != "" {
		fmt.Fprintf(&out, "  subtest %s\n", f.Subtest)
	}
	block(&out, "SQL", strings.Split(f.SQL, "\n"))
	if f.Reason == "another result" {
		block(&out, "result (-expected +got)", diff(splitLines(f.Expected), splitLines(f.Got)))
		return out.String()
	}
	block(&out, "expected", splitLines(f.Expected))
	block(&out, "got", splitLines(f.Got))
	return out.String()
}

func splitLines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

func block(out *strings.Builder, title string, lines []string) {
	fmt.Fprintf(out, "  %s:\n", title)
	for _, l := range lines {
		fmt.Fprintf(out, "    %s\n", l)
	}
}
