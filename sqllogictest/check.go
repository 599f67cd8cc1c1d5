package sqllogictest

import (
	"errors"
	"fmt"
	"strings"
)

// mismatch says how a record's outcome differs from what its file expects.
type mismatch struct {
	reason        string
	expected, got string
	// fix is what a rewrite puts into the file, nil if it changes nothing.
	fix *fix
	// final says that another try would end in the same way.
	final bool
}

// checkError compares a failed try with the record.
func (r *fileRunner) checkError(rec *Record, err error) *mismatch {
	var (
		se   *serverError
		sub  *substError
		code string
	)
	text := err.Error()
	isServer := errors.As(err, &se)
	if isServer {
		code = se.pg.Code
	}
	got := text
	if code != "" {
		got += " (SQLSTATE " + code + ")"
	}
	isSubst := errors.As(err, &sub)
	if rec.Error == nil {
		return &mismatch{reason: "failed", expected: r.expectation(rec), got: got, final: isSubst}
	}
	if !isServer && !isSubst {
		return &mismatch{reason: "failed, but not by an error of the server", expected: rec.Error.String(), got: got}
	}
	if r.opts.LaxErrors || rec.Error.matches(code, text) {
		return nil
	}
	m := &mismatch{reason: "failed with another error", expected: rec.Error.String(), got: got}
	if isServer {
		m.fix = &fix{kind: fixError, code: code, message: se.pg.Message, text: text}
	}
	return m
}

// checkResult compares a try that worked with the record.
func (r *fileRunner) checkResult(rec *Record, res *result) *mismatch {
	if rec.Error != nil {
		return &mismatch{
			reason: "worked, but should fail", expected: rec.Error.String(),
			got: fmt.Sprintf("%d rows", res.rowCount()),
		}
	}
	switch rec.Kind {
	case KindStatement:
		if n := res.rowCount(); rec.Count >= 0 && n != rec.Count {
			return &mismatch{
				reason: "another number of rows", expected: fmt.Sprint(rec.Count), got: fmt.Sprint(n),
				fix: &fix{kind: fixCount, count: n},
			}
		}
	case KindQuery:
		view := r.view
		if rec.Sort != "" {
			view.sort = rec.Sort
		}
		lines := view.lines(res.rows, rec.Results)
		if !view.equal(lines, rec.Results) {
			return &mismatch{
				reason:   "another result",
				expected: strings.Join(rec.Results, "\n"), got: strings.Join(lines, "\n"),
				fix: &fix{kind: fixResults, lines: lines},
			}
		}
	case KindLet:
		return r.bind(rec, res)
	}
	return nil
}

// bind sets the variables of a let record.
func (r *fileRunner) bind(rec *Record, res *result) *mismatch {
	if len(res.raw) != 1 || len(res.raw[0]) != len(rec.Vars) {
		columns := 0
		if len(res.raw) > 0 {
			columns = len(res.raw[0])
		}
		return &mismatch{
			reason:   "let needs one row",
			expected: fmt.Sprintf("1 row, %d columns", len(rec.Vars)),
			got:      fmt.Sprintf("%d rows, %d columns", len(res.raw), columns),
		}
	}
	for i, name := range rec.Vars {
		value := "NULL"
		if v := res.raw[0][i]; v != nil {
			value = string(v)
		}
		r.vars.set(name, value)
	}
	return nil
}

// rowCount is the number of rows that came, or else the count of the command.
func (r *result) rowCount() int64 {
	if len(r.rows) > 0 {
		return int64(len(r.rows))
	}
	return r.count
}

// expectation describes what a record that should work expects.
func (r *fileRunner) expectation(rec *Record) string {
	switch {
	case rec.Kind == KindQuery:
		return strings.Join(rec.Results, "\n")
	case rec.Count >= 0:
		return fmt.Sprintf("count %d", rec.Count)
	}
	return "ok"
}
