package report

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Document writes the files as one Markdown document at path and their plots as
// SVG in the folder of the same name without ".md" beside it.
func Document(path string, files []*File) error {
	folder := strings.TrimSuffix(path, filepath.Ext(path))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var w strings.Builder
	w.WriteString("# Performance\n\nThis document is written by `go run ./bench/report` from the results in `" + filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(folder) + "/`: do not edit it.\n" +
		"Figures are good as ratios taken side by side in one run; machines are noisy. " +
		"\"CPU\" is user and system time of the process, which other load on the machine changes less than it changes wall time.\n")
	for _, f := range files {
		if err := f.section(&w, folder); err != nil {
			return fmt.Errorf("%s: %w", f.Bench, err)
		}
	}
	return os.WriteFile(path, []byte(w.String()), 0o644)
}

// section writes one bench.
func (f *File) section(w *strings.Builder, folder string) error {
	fmt.Fprintf(w, "\n## %s\n\n", f.Title)
	if f.About != "" {
		fmt.Fprintf(w, "%s\n\n", strings.TrimSpace(f.About))
	}
	fmt.Fprintf(w, "```\n%s\n```\n\n", strings.Join(f.Commands, "\n"))
	memory := ""
	if f.Machine.Memory > 0 {
		memory = fmt.Sprintf(", %d GB of memory", (f.Machine.Memory+1<<29)>>30)
	}
	busy := ""
	if f.Load > 0 {
		busy = fmt.Sprintf("; load %.1f, the bench's own included", f.Load)
	}
	fmt.Fprintf(w, "Commit %s, %s; %s, %d cores%s, %s, %s%s.\n", f.Commit, f.Date.Format("2006-01-02 15:04 UTC"), f.Machine.CPU, f.Machine.Cores, memory, f.Machine.OS, f.Machine.Go, busy)
	for i := range f.Plots {
		svg := f.Plots[i].SVG(f.Results)
		if svg == "" {
			continue
		}
		name := f.Bench + "-" + slug(f.Plots[i].Title) + ".svg"
		if err := os.WriteFile(filepath.Join(folder, name), []byte(svg), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(w, "\n![%s](%s/%s)\n", f.Plots[i].Title, filepath.Base(folder), name)
	}
	for i := range f.Tables {
		f.Tables[i].write(w, f.Results)
	}
	f.notes(w)
	return nil
}

// write writes a table of the results that it selects.
func (t *Table) write(w *strings.Builder, results []*Result) {
	results = slices.DeleteFunc(slices.Clone(results), func(r *Result) bool {
		has := func(c Column) bool { _, ok := r.Metrics[c.Metric]; return ok }
		return !selects(t.Where, r) || !slices.ContainsFunc(t.Columns, has)
	})
	if len(results) == 0 {
		return
	}
	if t.Title != "" {
		fmt.Fprintf(w, "\n### %s\n", t.Title)
	}
	var head, rule []string
	if t.Name != "" || len(t.Labels) == 0 {
		head, rule = append(head, t.Name), append(rule, "---")
	}
	for _, l := range t.Labels {
		head, rule = append(head, l), append(rule, "---")
	}
	for _, c := range t.Columns {
		head, rule = append(head, c.Head), append(rule, "--:")
	}
	fmt.Fprintf(w, "\n| %s |\n|%s|\n", strings.Join(head, " | "), strings.Join(rule, "|"))
	for _, r := range results {
		var row []string
		if t.Name != "" || len(t.Labels) == 0 {
			row = append(row, r.Name)
		}
		for _, l := range t.Labels {
			row = append(row, r.Labels[l])
		}
		for _, c := range t.Columns {
			row = append(row, c.text(r))
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
}

// text is the value of a result in a column; "" if it has none.
func (c *Column) text(r *Result) string {
	v, ok := r.Metrics[c.Metric]
	if !ok {
		return ""
	}
	s := strconv.FormatFloat(v*cmp.Or(c.Scale, 1), 'f', c.Digits, 64)
	whole, rest, point := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		whole += "." + rest
	}
	return sign + whole + c.Suffix
}

// notes lists what results say in words.
func (f *File) notes(w *strings.Builder) {
	begun := false
	for _, r := range f.Results {
		if r.Note == "" && len(r.Profile) == 0 {
			continue
		}
		if !begun {
			w.WriteString("\n")
			begun = true
		}
		var labels []string
		for _, l := range r.Labels {
			labels = append(labels, l)
		}
		slices.Sort(labels)
		name := r.Name
		if len(labels) > 0 {
			name += " (" + strings.Join(labels, ", ") + ")"
		}
		text := r.Note
		if len(r.Profile) > 0 {
			text = strings.TrimSpace(text + " CPU: " + strings.Join(r.Profile, ", "))
		}
		if r.Failed {
			text = "**failed**: " + text
		}
		fmt.Fprintf(w, "- %s: %s\n", name, text)
	}
}

// slug is a title as a file name.
func slug(title string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(title), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), "-")
}
