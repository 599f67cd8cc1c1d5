package sqllogictest

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Record is one directive of a test file, included files already in place.
type Record struct {
	Kind Kind
	Loc  Location
	// Conds must all hold for a statement, query, let or system record to run.
	Conds []Condition
	// Conn names the connection to run on; "default" unless the file says so.
	Conn string
	// SQL is the text of a statement, query or let, or the command of a system
	// record, without the newline at its end.
	SQL string
	// Error, when not nil, says that the record must fail.
	Error *ExpectedError
	// Count is the expected number of rows, or -1 when the file does not say.
	Count int64
	// Types is the type string of a query. It is kept, not checked.
	Types string
	// Sort is the record's own sort mode, "" when it names none.
	Sort SortMode
	// Label is the label of a query. It is kept, not used.
	Label string
	// Results holds the lines under "----". HasResults says that there was such
	// a line; a query without it must give no rows.
	Results    []string
	HasResults bool
	Retry      Retry
	// Vars are the variables that a let record sets.
	Vars []string
	// Arg is the argument of a control or subtest record.
	Arg string
	// Sleep is the length of a sleep record.
	Sleep time.Duration
	// Threshold is the argument of hash-threshold, in values.
	Threshold int

	span span
}

// span says where a record's parts stand in its source, as line indices from 0.
type span struct {
	src    *source
	header int
	// sqlEnd is the line after the SQL: the delimiter, the blank, or the end.
	sqlEnd int
	// resFrom and resTo bound the lines under the delimiter, end excluded.
	resFrom, resTo int
}

// Kind is the kind of a record.
type Kind string

// The kinds of records.
const (
	KindStatement     Kind = "statement"
	KindQuery         Kind = "query"
	KindLet           Kind = "let"
	KindSystem        Kind = "system"
	KindSleep         Kind = "sleep"
	KindSubtest       Kind = "subtest"
	KindHalt          Kind = "halt"
	KindHashThreshold Kind = "hash-threshold"
	KindSortMode      Kind = "control sortmode"
	KindResultMode    Kind = "control resultmode"
	KindSubstitution  Kind = "control substitution"
)

// SortMode says how the rows of a query are ordered before they are compared.
type SortMode string

// The sort modes. NoSort keeps the server's order, RowSort orders whole rows,
// ValueSort orders single values, one a line.
const (
	NoSort    SortMode = "nosort"
	RowSort   SortMode = "rowsort"
	ValueSort SortMode = "valuesort"
)

// Location is a line of a file, and for an included file where it was included.
type Location struct {
	File  string
	Line  int // from 1
	Upper *Location
}

// String gives "file:line", followed by the including lines.
func (l Location) String() string {
	s := fmt.Sprintf("%s:%d", l.File, l.Line)
	for up := l.Upper; up != nil; up = up.Upper {
		s += fmt.Sprintf(" (included at %s:%d)", up.File, up.Line)
	}
	return s
}

// Condition is an onlyif or a skipif line.
type Condition struct {
	SkipIf bool // else onlyif
	Label  string
}

// holds reports whether the record runs under the given labels.
func (c Condition) holds(labels map[string]bool) bool {
	return labels[c.Label] != c.SkipIf
}

// Retry says how often a record is tried, and how long to wait in between.
// Attempts is 0 or 1 for a record that is tried once.
type Retry struct {
	Attempts int
	Backoff  time.Duration
}

// ExpectedError is what a failing record must fail with. Its zero value is met
// by any error.
type ExpectedError struct {
	// Code is the SQLSTATE, "" for any.
	Code string
	// Regex is searched in the error text; nil matches any text.
	Regex *regexp.Regexp
	// Multiline is the whole text, from under "----"; used when IsMultiline.
	Multiline   string
	IsMultiline bool
}

// matches reports whether an error with this SQLSTATE and text is the one.
func (e *ExpectedError) matches(code, text string) bool {
	if e.Code != "" && e.Code != code {
		return false
	}
	if e.IsMultiline {
		return strings.TrimSpace(e.Multiline) == strings.TrimSpace(text)
	}
	return e.Regex == nil || e.Regex.MatchString(text)
}

// String describes the expectation in a report.
func (e *ExpectedError) String() string {
	var parts []string
	if e.Code != "" {
		parts = append(parts, "("+e.Code+")")
	}
	switch {
	case e.IsMultiline:
		parts = append(parts, e.Multiline)
	case e.Regex != nil:
		parts = append(parts, e.Regex.String())
	}
	if len(parts) == 0 {
		return "any error"
	}
	return "error " + strings.Join(parts, " ")
}

// ParseError is a fault of a test file.
type ParseError struct {
	Loc Location
	Msg string
}

// Error gives "file:line: message".
func (e *ParseError) Error() string { return e.Loc.String() + ": " + e.Msg }
