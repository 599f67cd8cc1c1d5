package sqllogictest

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// includeDepthMax bounds nested includes, so that a cycle ends in an error.
const includeDepthMax = 32

// source is the text of one file, kept so that a rewrite can change some of
// its lines and leave the others byte for byte.
type source struct {
	name string
	// lines are without their line ends, raw with them.
	lines, raw []string
}

func newSource(name, text string) *source {
	s := &source{name: name}
	for line := range strings.Lines(text) {
		s.raw = append(s.raw, line)
		line = strings.TrimSuffix(line, "\n")
		s.lines = append(s.lines, strings.TrimSuffix(line, "\r"))
	}
	return s
}

// ParseFile reads the records of a file, with those of the files that it
// includes in place of the include lines.
func ParseFile(name string) ([]Record, error) {
	return parseFile(name, nil, 0)
}

func parseFile(name string, upper *Location, depth int) ([]Record, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read test file: %w", err)
	}
	return parseSource(newSource(name, string(text)), upper, depth)
}

// include adds the records of every file that matches the pattern, which is
// relative to the including file.
func (p *parser) include(header int, pattern string) error {
	if p.depth >= includeDepthMax {
		return p.fail(header, "includes are nested deeper than %d: is there a cycle?", includeDepthMax)
	}
	full := pattern
	if !filepath.IsAbs(full) {
		full = filepath.Join(filepath.Dir(p.src.name), pattern)
	}
	files, err := Glob(full)
	if err != nil {
		return p.fail(header, "invalid include pattern %q: %v", pattern, err)
	}
	if len(files) == 0 {
		return p.fail(header, "no file matches include %q", pattern)
	}
	loc := p.loc(header)
	for _, f := range files {
		recs, err := parseFile(f, &loc, p.depth+1)
		if err != nil {
			return err
		}
		p.recs = append(p.recs, recs...)
	}
	return nil
}

// Glob gives the files that match a pattern, sorted. Besides the syntax of
// path.Match, "**" stands for any number of folders. A pattern without special
// characters gives its file, if there is one.
func Glob(pattern string) ([]string, error) {
	if !strings.Contains(pattern, "**") {
		names, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("glob %q: %w", pattern, err)
		}
		return slices.DeleteFunc(names, isDir), nil
	}
	segments := strings.Split(filepath.ToSlash(filepath.Clean(pattern)), "/")
	fixed := 0
	for fixed < len(segments) && !containsSpecial(segments[fixed]) {
		fixed++
	}
	root := strings.Join(segments[:fixed], "/")
	switch {
	case fixed == 0:
		root = "."
	case root == "":
		root = "/"
	}
	var names []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return nil
		}
		ok, err := matchSegments(segments[fixed:], strings.Split(filepath.ToSlash(rel), "/"))
		if ok {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("glob %q: %w", pattern, err)
	}
	slices.Sort(names)
	return names, nil
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// matchSegments matches path segments, where "**" takes any number of them.
func matchSegments(pattern, name []string) (bool, error) {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for skip := 0; skip <= len(name); skip++ {
				ok, err := matchSegments(pattern[1:], name[skip:])
				if ok || err != nil {
					return ok, err
				}
			}
			return false, nil
		}
		if len(name) == 0 {
			return false, nil
		}
		ok, err := path.Match(pattern[0], name[0])
		if !ok || err != nil {
			return false, err
		}
		pattern, name = pattern[1:], name[1:]
	}
	return len(name) == 0, nil
}

// containsSpecial reports whether a pattern is more than a path.
func containsSpecial(pattern string) bool { return strings.ContainsAny(pattern, `*?[\`) }

// MatchGlob reports whether a slash-separated path matches a pattern of Glob.
func MatchGlob(pattern, name string) (bool, error) {
	ok, err := matchSegments(strings.Split(path.Clean(pattern), "/"), strings.Split(path.Clean(name), "/"))
	if err != nil {
		return false, fmt.Errorf("glob %q: %w", pattern, err)
	}
	return ok, nil
}
