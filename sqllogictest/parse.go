package sqllogictest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	delimiter         = "----"
	defaultConnection = "default"
)

// Parse reads the records of one script. Name stands in locations. Includes
// are opened relative to the folder of name.
func Parse(name, script string) ([]Record, error) {
	return parseSource(newSource(name, script), nil, 0)
}

// parser holds the state while the lines of one source are read.
type parser struct {
	src   *source
	upper *Location
	depth int
	pos   int // index of the next line
	recs  []Record
	conds []Condition
	conn  string
}

func parseSource(src *source, upper *Location, depth int) ([]Record, error) {
	p := &parser{src: src, upper: upper, depth: depth, conn: defaultConnection}
	for p.pos < len(src.lines) {
		line := src.lines[p.pos]
		header := p.pos
		p.pos++
		if strings.HasPrefix(line, "#") {
			continue
		}
		tokens := strings.Fields(line)
		if len(tokens) == 0 {
			continue
		}
		if err := p.directive(header, line, tokens); err != nil {
			return nil, err
		}
	}
	return p.recs, nil
}

func (p *parser) loc(header int) Location {
	return Location{File: p.src.name, Line: header + 1, Upper: p.upper}
}

func (p *parser) fail(header int, format string, args ...any) error {
	return &ParseError{Loc: p.loc(header), Msg: fmt.Sprintf(format, args...)}
}

// newRecord makes a record and hands it the conditions and the connection that
// stood before it.
func (p *parser) newRecord(kind Kind, header int) Record {
	r := Record{Kind: kind, Loc: p.loc(header), Conds: p.conds, Conn: p.conn, Count: -1}
	r.span = span{src: p.src, header: header}
	p.conds, p.conn = nil, defaultConnection
	return r
}

// directive reads the record whose first line is given.
func (p *parser) directive(header int, line string, tokens []string) error {
	args := tokens[1:]
	switch tokens[0] {
	case "statement":
		return p.statement(header, line, args)
	case "query":
		return p.query(header, args)
	case "let":
		return p.let(header, line)
	case "system":
		return p.system(header, line, args)
	case "control":
		return p.control(header, line, args)
	}
	if len(args) != 1 && tokens[0] != "halt" {
		return p.fail(header, "invalid line: %q", line)
	}
	switch tokens[0] {
	case "include":
		return p.include(header, args[0])
	case "halt":
		if len(args) != 0 {
			return p.fail(header, "invalid line: %q", line)
		}
		p.add(Record{Kind: KindHalt, Loc: p.loc(header)})
	case "subtest":
		p.add(Record{Kind: KindSubtest, Loc: p.loc(header), Arg: args[0]})
	case "sleep":
		d, err := parseDuration(args[0])
		if err != nil {
			return p.fail(header, "%v", err)
		}
		p.add(Record{Kind: KindSleep, Loc: p.loc(header), Sleep: d})
	case "skipif", "onlyif":
		p.conds = append(p.conds, Condition{SkipIf: tokens[0] == "skipif", Label: args[0]})
	case "connection":
		p.conn = args[0]
	case "hash-threshold":
		n, err := strconv.Atoi(args[0])
		if err != nil || n < 0 {
			return p.fail(header, "invalid number: %q", args[0])
		}
		p.add(Record{Kind: KindHashThreshold, Loc: p.loc(header), Threshold: n})
	default:
		return p.fail(header, "invalid line: %q", line)
	}
	return nil
}

func (p *parser) add(r Record) { p.recs = append(p.recs, r) }

// statement reads "statement ok|count N|error ...".
func (p *parser) statement(header int, line string, args []string) error {
	r := p.newRecord(KindStatement, header)
	if len(args) == 0 {
		return p.fail(header, "invalid line: %q", line)
	}
	retry := args[1:]
	switch args[0] {
	case "ok":
	case "count":
		if len(args) < 2 {
			return p.fail(header, "statement count without a number")
		}
		n, err := strconv.ParseInt(args[1], 10, 64)
		if err != nil || n < 0 {
			return p.fail(header, "invalid number: %q", args[1])
		}
		r.Count, retry = n, args[2:]
	case "error":
		var err error
		if r.Error, retry, err = p.inlineError(header, args[1:]); err != nil {
			return err
		}
	default:
		return p.fail(header, "invalid line: %q", line)
	}
	if err := p.retry(header, retry, &r); err != nil {
		return err
	}
	if err := p.body(&r); err != nil {
		return err
	}
	if r.HasResults {
		if r.Error == nil {
			return p.fail(header, "a statement has no results, use query instead")
		}
		if err := p.multilineError(&r); err != nil {
			return err
		}
	}
	p.add(r)
	return nil
}

// query reads "query [types] [sortmode] [label] [retry ...]" and "query error".
func (p *parser) query(header int, args []string) error {
	r := p.newRecord(KindQuery, header)
	retry := args
	if len(args) > 0 && args[0] == "error" {
		var err error
		if r.Error, retry, err = p.inlineError(header, args[1:]); err != nil {
			return err
		}
	} else if len(args) > 0 {
		r.Types, retry = args[0], args[1:]
		if len(retry) > 0 && isSortMode(retry[0]) {
			r.Sort, retry = SortMode(retry[0]), retry[1:]
		}
		if len(retry) > 0 && retry[0] != "retry" {
			r.Label, retry = retry[0], retry[1:]
		}
	}
	if err := p.retry(header, retry, &r); err != nil {
		return err
	}
	if err := p.body(&r); err != nil {
		return err
	}
	switch {
	case !r.HasResults:
	case r.Error != nil:
		if err := p.multilineError(&r); err != nil {
			return err
		}
	default:
		for p.pos < len(p.src.lines) && p.src.lines[p.pos] != "" {
			r.Results = append(r.Results, p.src.lines[p.pos])
			p.pos++
		}
		r.span.resTo = p.pos
	}
	p.add(r)
	return nil
}

// let reads "let a, b" or "let (a, b)" and the query that gives their values.
func (p *parser) let(header int, line string) error {
	r := p.newRecord(KindLet, header)
	list := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "let"))
	if strings.HasPrefix(list, "(") && strings.HasSuffix(list, ")") {
		list = list[1 : len(list)-1]
	}
	for _, name := range strings.Split(list, ",") {
		name = strings.TrimSpace(name)
		if !isVarName(name) {
			return p.fail(header, "invalid variable name in let: %q", name)
		}
		r.Vars = append(r.Vars, name)
	}
	if err := p.body(&r); err != nil {
		return err
	}
	if r.HasResults {
		return p.fail(header, "a let record has no results")
	}
	p.add(r)
	return nil
}

// system reads "system ok|error [retry ...]".
func (p *parser) system(header int, line string, args []string) error {
	r := p.newRecord(KindSystem, header)
	if len(args) == 0 {
		return p.fail(header, "invalid line: %q", line)
	}
	switch args[0] {
	case "ok":
	case "error":
		r.Error = &ExpectedError{}
	default:
		return p.fail(header, "invalid line: %q", line)
	}
	if err := p.retry(header, args[1:], &r); err != nil {
		return err
	}
	if err := p.body(&r); err != nil {
		return err
	}
	if r.HasResults {
		text, err := p.paragraphs(&r)
		if err != nil {
			return err
		}
		r.Results = []string{text}
	}
	p.add(r)
	return nil
}

// control reads "control sortmode|resultmode|substitution VALUE".
func (p *parser) control(header int, line string, args []string) error {
	if len(args) != 2 {
		return p.fail(header, "invalid line: %q", line)
	}
	kind, value := Kind("control "+args[0]), args[1]
	valid := false
	switch kind {
	case KindSortMode:
		valid = isSortMode(value)
	case KindResultMode:
		valid = value == "rowwise" || value == "valuewise"
	case KindSubstitution:
		valid = value == "on" || value == "off"
	}
	if !valid {
		return p.fail(header, "invalid control: %q", line)
	}
	p.add(Record{Kind: kind, Loc: p.loc(header), Arg: value})
	return nil
}

// body reads the SQL up to a blank line, the delimiter or the end. The first
// line is always SQL.
func (p *parser) body(r *Record) error {
	if p.pos >= len(p.src.lines) {
		return p.fail(r.span.header, "unexpected end of file after %q", p.src.lines[r.span.header])
	}
	from := p.pos
	p.pos++
	for p.pos < len(p.src.lines) {
		line := p.src.lines[p.pos]
		if line == "" || strings.TrimRight(line, " \t") == delimiter {
			break
		}
		p.pos++
	}
	r.SQL = strings.Join(p.src.lines[from:p.pos], "\n")
	r.span.sqlEnd = p.pos
	if p.pos < len(p.src.lines) {
		r.HasResults = p.src.lines[p.pos] != ""
		p.pos++
	}
	r.span.resFrom, r.span.resTo = p.pos, p.pos
	return nil
}

// multilineError reads the error text under the delimiter.
func (p *parser) multilineError(r *Record) error {
	if r.Error.Regex != nil {
		return p.fail(r.span.header, "an error text both after error and under %s", delimiter)
	}
	text, err := p.paragraphs(r)
	r.Error.Multiline, r.Error.IsMultiline = text, true
	return err
}

var headerRE = regexp.MustCompile(`^(statement\s+(ok|error|count)\b|query\b|system\s+(ok|error)\b)`)

// paragraphs reads lines until two blank ones, or one blank one at the end of
// the file, and gives them without blanks at either end. A record that starts
// after a single blank line would be swallowed, so that is an error.
func (p *parser) paragraphs(r *Record) (string, error) {
	lines := p.src.lines
	from, to := p.pos, len(lines)
	for p.pos < len(lines) {
		if lines[p.pos] == "" {
			if p.pos+1 >= len(lines) || lines[p.pos+1] == "" {
				to = p.pos
				p.pos = min(p.pos+2, len(lines))
				break
			}
			if headerRE.MatchString(lines[p.pos+1]) {
				return "", p.fail(p.pos+1, "a record starts in the text of line %d, which two blank lines must end", r.Loc.Line)
			}
		}
		p.pos++
	}
	r.span.resFrom, r.span.resTo = from, to
	return strings.TrimSpace(strings.Join(lines[from:to], "\n")), nil
}

var sqlstateRE = regexp.MustCompile(`^\(([0-9A-Z]{5})\)$`)

// inlineError reads what follows "error": nothing, a retry clause, an SQLSTATE
// in parentheses, a regular expression, or the last two.
func (p *parser) inlineError(header int, args []string) (*ExpectedError, []string, error) {
	e := &ExpectedError{}
	if len(args) > 0 {
		if m := sqlstateRE.FindStringSubmatch(args[0]); m != nil {
			e.Code, args = m[1], args[1:]
		}
	}
	if len(args) == 4 && args[0] == "retry" && args[2] == "backoff" {
		return e, args, nil
	}
	if len(args) > 0 {
		re, err := regexp.Compile(strings.Join(args, " "))
		if err != nil {
			return nil, nil, p.fail(header, "invalid error pattern: %v", err)
		}
		e.Regex = re
	}
	return e, nil, nil
}

// retry reads "retry N backoff DURATION", or nothing.
func (p *parser) retry(header int, args []string, r *Record) error {
	if len(args) == 0 {
		return nil
	}
	if len(args) != 4 || args[0] != "retry" || args[2] != "backoff" {
		return p.fail(header, "expected \"retry N backoff DURATION\", found %q", strings.Join(args, " "))
	}
	n, err := strconv.Atoi(args[1])
	if err != nil || n < 1 {
		return p.fail(header, "invalid number of attempts: %q", args[1])
	}
	d, err := parseDuration(args[3])
	if err != nil {
		return p.fail(header, "%v", err)
	}
	r.Retry = Retry{Attempts: n, Backoff: d}
	return nil
}

func isSortMode(s string) bool {
	switch SortMode(s) {
	case NoSort, RowSort, ValueSort:
		return true
	}
	return false
}

var durationRE = regexp.MustCompile(`^(\d+(?:\.\d+)?)([a-z]+)`)

// durationUnits are the unit names of test files beyond those of Go.
var durationUnits = map[string]time.Duration{
	"ns": time.Nanosecond, "us": time.Microsecond, "ms": time.Millisecond, "msec": time.Millisecond,
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hrs": time.Hour, "hour": time.Hour, "hours": time.Hour,
}

// parseDuration reads durations such as 500ms, 2sec and 1m30s.
func parseDuration(s string) (time.Duration, error) {
	var total time.Duration
	rest := s
	for rest != "" {
		m := durationRE.FindStringSubmatch(rest)
		if m == nil || durationUnits[m[2]] == 0 {
			return 0, fmt.Errorf("invalid duration: %q", s)
		}
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return 0, fmt.Errorf("invalid duration: %q: %w", s, err)
		}
		total += time.Duration(n * float64(durationUnits[m[2]]))
		rest = rest[len(m[0]):]
	}
	if s == "" {
		return 0, fmt.Errorf("invalid duration: %q", s)
	}
	return total, nil
}
