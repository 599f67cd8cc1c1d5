package sqllogictest

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// fixKind says which part of a record a fix replaces.
type fixKind int

const (
	fixResults fixKind = iota // the lines under the delimiter
	fixCount                  // the number in the header
	fixError                  // the error in the header or under the delimiter
	fixText                   // the output of a command
)

// fix is what came, in the form in which a file would expect it.
type fix struct {
	kind    fixKind
	lines   []string
	count   int64
	code    string
	message string
	text    string
}

// edit replaces the lines [from, to) of a source.
type edit struct {
	from, to int
	lines    []string
}

// rewriter gathers the edits of one run of a file, for it and the files that
// it includes.
type rewriter struct {
	sources map[string]*source
	edits   map[string][]edit
}

// add plans the fix of a record. It reports false if the fix cannot be
// expressed, or if the same record, included twice, came out differently.
func (w *rewriter) add(rec *Record, f *fix) bool {
	if f == nil {
		return false
	}
	e, ok := rec.edit(f)
	if !ok {
		return false
	}
	if w.sources == nil {
		w.sources, w.edits = map[string]*source{}, map[string][]edit{}
	}
	name := rec.span.src.name
	for _, other := range w.edits[name] {
		if other.from == e.from && other.to == e.to {
			return slices.Equal(other.lines, e.lines)
		}
	}
	w.sources[name] = rec.span.src
	w.edits[name] = append(w.edits[name], e)
	return true
}

// edit says which lines of the record's source a fix replaces, and by what.
func (rec *Record) edit(f *fix) (edit, bool) {
	at := rec.span
	switch f.kind {
	case fixResults:
		lines := make([]string, len(f.lines))
		for i, l := range f.lines {
			lines[i] = resultLine(l)
		}
		if !rec.HasResults {
			return edit{at.sqlEnd, at.sqlEnd, append([]string{delimiter}, lines...)}, true
		}
		return edit{at.resFrom, at.resTo, lines}, true
	case fixCount:
		header := countRE.ReplaceAllString(at.src.lines[at.header], fmt.Sprintf("${1}%d", f.count))
		return edit{at.header, at.header + 1, []string{header}}, true
	case fixError:
		if rec.Error.IsMultiline && rec.Error.Code == "" {
			return edit{at.resFrom, at.resTo, paragraphLines(f.text)}, true
		}
		if rec.Error.IsMultiline {
			return edit{}, false
		}
		return edit{at.header, at.header + 1, []string{rec.errorHeader(f)}}, true
	case fixText:
		return edit{at.resFrom, at.resTo, paragraphLines(f.text)}, true
	}
	return edit{}, false
}

var (
	countRE = regexp.MustCompile(`^(\s*statement\s+count\s+)\d+`)
	errorRE = regexp.MustCompile(`^\s*(?:statement|query)\s+error`)
	blankRE = regexp.MustCompile(`\s+`)
)

// errorHeader writes the first line of a record for another error, naming the
// SQLSTATE and the text if the old one did.
func (rec *Record) errorHeader(f *fix) string {
	header := errorRE.FindString(rec.span.src.lines[rec.span.header])
	if rec.Error.Code != "" {
		header += " (" + f.code + ")"
	}
	if rec.Error.Regex != nil {
		first, _, _ := strings.Cut(f.message, "\n")
		header += " " + blankRE.ReplaceAllStringFunc(regexp.QuoteMeta(strings.TrimSpace(first)), func(ws string) string {
			if ws == " " {
				return ws
			}
			return `\s+`
		})
	}
	return header
}

// resultLine makes one line of a row, as an empty line would end the result.
func resultLine(row string) string {
	if strings.ContainsAny(row, "\n\r") {
		row = normalize(row)
	}
	if row == "" {
		return " "
	}
	return row
}

// paragraphLines splits a text into lines; of several blank lines in a row,
// which would end the text, one stays.
func paragraphLines(text string) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return slices.CompactFunc(lines, func(a, b string) bool { return a == "" && b == "" })
}

// write changes the files.
func (w *rewriter) write() error {
	for name, edits := range w.edits {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		text := w.sources[name].apply(edits)
		if err := os.WriteFile(name, []byte(text), info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}

// apply gives the text of a source with edits made. Lines that no edit touches
// keep their bytes.
func (s *source) apply(edits []edit) string {
	edits = slices.Clone(edits)
	slices.SortFunc(edits, func(a, b edit) int { return a.from - b.from })
	eol := "\n"
	if len(s.raw) > 0 && strings.HasSuffix(s.raw[0], "\r\n") {
		eol = "\r\n"
	}
	var out strings.Builder
	pos := 0
	copyTo := func(end int) {
		for ; pos < end; pos++ {
			out.WriteString(s.raw[pos])
		}
	}
	for _, e := range edits {
		copyTo(e.from)
		if out.Len() > 0 && !strings.HasSuffix(out.String(), "\n") && len(e.lines) > 0 {
			out.WriteString(eol)
		}
		for _, l := range e.lines {
			out.WriteString(l)
			out.WriteString(eol)
		}
		pos = e.to
	}
	copyTo(len(s.raw))
	return out.String()
}
