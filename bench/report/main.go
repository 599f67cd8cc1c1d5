package main

import (
	"flag"
	"log"
	"path/filepath"
	"slices"
	"strings"

	"streamdb/bench/internal/report"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "docs/performance.md", "the document; its plots go to the folder of the same name")
	flag.Parse()
	paths := flag.Args()
	if len(paths) == 0 {
		paths, _ = filepath.Glob(filepath.Join(strings.TrimSuffix(*out, filepath.Ext(*out)), "*.json"))
	}
	var files []*report.File
	for _, p := range paths {
		f, err := report.Read(p)
		if err != nil {
			log.Fatal(err)
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		log.Fatal("no results: run a bench with -json docs/performance/NAME.json first")
	}
	// Nexmark first, the others by name.
	slices.SortStableFunc(files, func(a, b *report.File) int {
		first := func(f *report.File) string {
			if f.Bench == "nexmark" {
				return ""
			}
			return f.Bench
		}
		return strings.Compare(first(a), first(b))
	})
	if err := report.Document(*out, files); err != nil {
		log.Fatal(err)
	}
}
