package report

import (
	"encoding/xml"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func example() *File {
	f := New("serving", "Look-ups beside PostgreSQL")
	f.Commit = "abc"
	f.Add("point", "server", "streamdb", "clients", "8").Set("tps", 41000, 39800, 42100)
	f.Add("point", "server", "PostgreSQL", "clients", "8").Set("tps", 12345678.4)
	f.Add("scan", "server", "streamdb").Set("ms", 3)
	f.Results[2].Note = "one client"
	f.Tables = []Table{{Title: "Look-ups", Where: map[string]string{"server": "streamdb|PostgreSQL"}, Name: "statement", Labels: []string{"server"},
		Columns: []Column{{Metric: "tps", Head: "statements/s"}, {Metric: "tps", Head: "K/s", Scale: 1e-3, Digits: 1}}}}
	f.Plots = []Plot{{Title: "Look-ups <a second>", Metric: "tps", Series: "server", Mark: 1e6}, {Title: "none", Metric: "no such"}, {Title: "log", Metric: "tps", By: "server", Log: true}}
	return f
}

func TestDocument(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f.json")
	if err := example().Write(path); err != nil {
		t.Fatal(err)
	}
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	doc := filepath.Join(dir, "performance.md")
	if err := Document(doc, []*File{f}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"## Look-ups beside PostgreSQL", "| statement | server | statements/s | K/s |", "| point | streamdb | 41,000 | 41.0 |",
		"| point | PostgreSQL | 12,345,678 | 12,345.7 |", "(performance/serving-look-ups-a-second.svg)", "- scan (streamdb): one client", "Commit abc",
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the document lacks %q:\n%s", want, b)
		}
	}
	svgs, _ := filepath.Glob(filepath.Join(dir, "performance", "*.svg"))
	if len(svgs) != 2 {
		t.Errorf("%d plots, want 2", len(svgs))
	}
	for _, svg := range svgs {
		wellFormed(t, svg)
	}
}

func wellFormed(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := xml.NewDecoder(f); ; {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
}

func TestStatistics(t *testing.T) {
	s := []float64{5, 1, 4, 2, 3}
	if m := Median(s); m != 3 {
		t.Errorf("median %v", m)
	}
	if m := Median([]float64{1, 2, 3, 10}); m != 2.5 {
		t.Errorf("median of an even number %v", m)
	}
	if p := Percentile(s, 0.25); p != 2 {
		t.Errorf("percentile %v", p)
	}
	if m := Trimmed([]float64{-1000, 4, 5, 6, 7, 8, 9, 1000}); m != 6.5 {
		t.Errorf("trimmed mean %v", m)
	}
	// Of n values of a uniform distribution the mean is known to 1.96 * sqrt(1/12/n).
	var u []float64
	for i := range 400 {
		u = append(u, math.Mod(float64(i)*0.6180339887, 1))
	}
	lo, hi := Bootstrap(u, Mean)
	if want := 2 * 1.96 * math.Sqrt(1.0/12/400); math.Abs(hi-lo-want) > want/5 || lo > Mean(u) || hi < Mean(u) {
		t.Errorf("interval %v to %v, want a width of about %v", lo, hi, want)
	}
}
