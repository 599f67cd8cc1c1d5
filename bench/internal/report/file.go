package report

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// File is one run of a bench. Its JSON is stable: a field may be added, none is
// taken away or gets another meaning.
type File struct {
	Bench    string    `json:"bench"`           // the folder below bench/
	Title    string    `json:"title"`           // heading in the document
	About    string    `json:"about,omitempty"` // Markdown under the heading: what is measured, and how
	Commands []string  `json:"commands"`        // what to type to have the same again
	Commit   string    `json:"commit"`          // abbreviated; "+" behind it: with changes
	Date     time.Time `json:"date"`
	Machine  Machine   `json:"machine"`
	Load     float64   `json:"load,omitempty"` // mean number of tasks that wanted a core in the last 5 minutes of the run, others' included
	Results  []*Result `json:"results"`
	Tables   []Table   `json:"tables,omitempty"`
	Plots    []Plot    `json:"plots,omitempty"`
}

// Result is one thing measured: a row of a table, a bar of a plot.
type Result struct {
	Name    string               `json:"name"`
	Labels  map[string]string    `json:"labels,omitempty"`  // what it was measured under
	Metrics map[string]float64   `json:"metrics"`           // medians of the rounds
	Rounds  map[string][]float64 `json:"rounds,omitempty"`  // the rounds themselves, where there are several
	Note    string               `json:"note,omitempty"`    // why it has no metrics, for instance
	Failed  bool                 `json:"failed,omitempty"`  // it did not end; Note says why
	Profile []string             `json:"profile,omitempty"` // where the CPU went, most first
}

// Table shows the results that Where selects, one a row.
type Table struct {
	Title   string            `json:"title,omitempty"`
	Where   map[string]string `json:"where,omitempty"`  // labels that a row must have; "a|b" is either
	Name    string            `json:"name,omitempty"`   // heading of the column of names; "": no such column
	Labels  []string          `json:"labels,omitempty"` // labels shown as columns, left of the metrics
	Columns []Column          `json:"columns"`
}

// Column is a metric in a table.
type Column struct {
	Metric string  `json:"metric"`
	Head   string  `json:"head"`
	Scale  float64 `json:"scale,omitempty"`  // the metric is multiplied by it; 0 is 1
	Digits int     `json:"digits,omitempty"` // after the point
	Suffix string  `json:"suffix,omitempty"` // "%", say
}

// Plot is a chart of horizontal bars.
type Plot struct {
	Title  string            `json:"title"`
	Unit   string            `json:"unit,omitempty"`
	Metric string            `json:"metric"`
	Scale  float64           `json:"scale,omitempty"`  // the metric is multiplied by it; 0 is 1
	Where  map[string]string `json:"where,omitempty"`  // as in Table
	By     string            `json:"by,omitempty"`     // the label that groups bars; "": the name
	Series string            `json:"series,omitempty"` // the label that colours them; "": all alike
	Log    bool              `json:"log,omitempty"`    // a logarithmic axis
	Mark   float64           `json:"mark,omitempty"`   // a line at the goal; 0: none
}

// New starts the file of a run now, on this machine. Call it after flag.Parse.
func New(bench, title string) *File {
	return &File{Bench: bench, Title: title, Commands: []string{Command(bench)}, Commit: Commit(), Date: time.Now().UTC().Truncate(time.Second), Machine: ThisMachine()}
}

// Command is how a bench was called, with the flags that were given, without
// those that name files.
func Command(bench string) string {
	c := "go run ./bench/" + bench
	flag.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "json", "out", "report", "cpuprofile", "dir":
			return
		}
		v := f.Value.String()
		switch {
		case v == "true":
			c += " -" + f.Name
		case strings.ContainsAny(v, " \t'\"|&;()<>*?$"):
			c += fmt.Sprintf(" -%s '%s'", f.Name, v)
		default:
			c += fmt.Sprintf(" -%s %s", f.Name, v)
		}
	})
	return c
}

// Add appends a result with labels, given as name and value in turns.
func (f *File) Add(name string, labels ...string) *Result {
	r := &Result{Name: name, Labels: map[string]string{}, Metrics: map[string]float64{}}
	for i := 0; i+1 < len(labels); i += 2 {
		r.Labels[labels[i]] = labels[i+1]
	}
	f.Results = append(f.Results, r)
	return r
}

// Set gives a metric the median of its rounds.
func (r *Result) Set(metric string, rounds ...float64) {
	if len(rounds) == 0 {
		return
	}
	r.Metrics[metric] = Median(rounds)
	if len(rounds) > 1 {
		if r.Rounds == nil {
			r.Rounds = map[string][]float64{}
		}
		r.Rounds[metric] = rounds
	}
}

// Write writes the file as JSON.
func (f *File) Write(path string) error {
	f.Load = load()
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// Read reads what Write wrote.
func Read(path string) (*File, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f := &File{}
	if err := json.Unmarshal(b, f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// selects reports whether a result has the labels; "name" stands for its name.
func selects(where map[string]string, r *Result) bool {
	for label, want := range where {
		if !slices.Contains(strings.Split(want, "|"), r.label(label)) {
			return false
		}
	}
	return true
}

func (r *Result) label(name string) string {
	if name == "" || name == "name" {
		return r.Name
	}
	return r.Labels[name]
}
