package sqllogictest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// fileRunner runs the records of one file.
type fileRunner struct {
	opts       *Options
	file       File
	labels     map[string]bool
	sess       *session
	vars       variables
	background background
	rewriter   rewriter
	report     *FileReport

	// What the records so far have set.
	view         resultView
	substitution bool
	subtest      string
}

// run runs records up to a halt, the end, or the end of ctx.
func (r *fileRunner) run(ctx context.Context, recs []Record) {
	for i := range recs {
		rec := &recs[i]
		if ctx.Err() != nil {
			r.report.Error = fmt.Sprintf("stopped before %s: %v", rec.Loc, context.Cause(ctx))
			return
		}
		switch rec.Kind {
		case KindHalt:
			return
		case KindSleep:
			_ = sleep(ctx, rec.Sleep) // ended early: the next turn says so
		case KindSubtest:
			r.subtest = rec.Arg
		case KindSortMode:
			r.view.sort = SortMode(rec.Arg)
		case KindResultMode:
			r.view.valueWise = rec.Arg == "valuewise"
		case KindSubstitution:
			r.substitution = rec.Arg == "on"
		case KindHashThreshold:
			r.view.hashThreshold = rec.Threshold
		default:
			r.record(ctx, rec)
		}
	}
}

// record runs one statement, query, let or system record and counts it.
func (r *fileRunner) record(ctx context.Context, rec *Record) {
	if r.skips(rec) {
		r.report.Skipped++
		return
	}
	m := r.tries(ctx, rec)
	switch {
	case m == nil:
		r.report.Passed++
	case r.opts.Rewrite && r.rewriter.add(rec, m.fix):
		r.report.Passed++
		r.report.Rewritten++
	default:
		r.fail(rec, m)
	}
	if rec.Kind == KindSystem || r.opts.AfterStatement == nil || r.sess.inTransaction() {
		return
	}
	if err := r.opts.AfterStatement(ctx); err != nil {
		r.fail(rec, &mismatch{reason: "the hook after the statement failed", got: err.Error()})
	}
	r.sess.dropDead(ctx)
}

// skips reports whether a record is not to be run.
func (r *fileRunner) skips(rec *Record) bool {
	if rec.Kind == KindSystem && !r.opts.AllowSystem {
		return true
	}
	if _, ok := r.opts.Except[r.position(&rec.Loc)]; ok {
		return true
	}
	return slices.ContainsFunc(rec.Conds, func(c Condition) bool { return !c.holds(r.labels) })
}

// position is how Options.Except names a record.
func (r *fileRunner) position(loc *Location) string {
	return fmt.Sprintf("%s:%d", r.displayName(loc.File), loc.Line)
}

// displayName names a file, included ones too, relative to what the name of
// the file that runs is relative to.
func (r *fileRunner) displayName(path string) string {
	if root, ok := strings.CutSuffix(r.file.Path, r.file.name()); ok {
		return strings.TrimPrefix(path, root)
	}
	if path == r.file.Path {
		return r.file.name()
	}
	return path
}

// tries runs a record as often as its retry clause allows, and gives the last
// mismatch, or nil once a try was right.
func (r *fileRunner) tries(ctx context.Context, rec *Record) *mismatch {
	for attempt := 1; ; attempt++ {
		m := r.once(ctx, rec)
		if m == nil || m.final || attempt >= rec.Retry.Attempts {
			return m
		}
		if sleep(ctx, rec.Retry.Backoff) != nil {
			return m
		}
	}
}

func (r *fileRunner) once(ctx context.Context, rec *Record) *mismatch {
	if rec.Kind == KindSystem {
		return r.system(ctx, rec)
	}
	sql := rec.SQL
	if r.substitution {
		var err error
		if sql, err = r.vars.substitute(sql); err != nil {
			return r.checkError(rec, err)
		}
	}
	res, err := r.sess.exec(ctx, rec.Conn, sql)
	if err != nil {
		return r.checkError(rec, err)
	}
	return r.checkResult(rec, res)
}

// fail counts a failed record.
func (r *fileRunner) fail(rec *Record, m *mismatch) {
	r.report.Failed++
	f := Failure{
		File: r.displayName(rec.Loc.File), Line: rec.Loc.Line, Kind: rec.Kind, Subtest: r.subtest,
		Reason: m.reason, SQL: rec.SQL, Expected: m.expected, Got: m.got,
	}
	for up := rec.Loc.Upper; up != nil; up = up.Upper {
		f.IncludedAt = append(f.IncludedAt, r.position(up))
	}
	r.report.Failures = append(r.report.Failures, f)
}

// runFile runs one file on connections of its own.
func runFile(ctx context.Context, opts *Options, f File) (report FileReport) {
	report.Name = f.name()
	recs, err := ParseFile(f.Path)
	if err != nil {
		var pe *ParseError
		report.ParseFailed = errors.As(err, &pe)
		report.Error = err.Error()
		return report
	}
	iso, err := isolate(ctx, opts)
	if err != nil {
		report.Error = err.Error()
		return report
	}
	r := &fileRunner{
		opts: opts, file: f, labels: opts.labels(), sess: newSession(opts, f), report: &report,
	}
	r.sess.database = iso.database
	report.Included = r.included(recs)
	r.run(ctx, recs)
	r.background.stop()
	r.sess.close()
	report.note("init", r.sess.initErr)
	report.note("test folder", r.vars.close())
	report.note("rewrite", r.rewriter.write())
	report.note("cleanup", iso.finish(ctx, opts))
	return report
}

// included names the files that recs come from, without the file itself.
func (r *fileRunner) included(recs []Record) []string {
	var names []string
	for i := range recs {
		if name := r.displayName(recs[i].Loc.File); name != r.report.Name && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// note keeps a fault beside the records as a warning.
func (f *FileReport) note(what string, err error) {
	if err != nil {
		f.Warnings = append(f.Warnings, what+": "+err.Error())
	}
}
