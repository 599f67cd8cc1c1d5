// Command sqllogictest runs SQL logic tests against any server that speaks the
// Postgres protocol.
//
//	sqllogictest -url URL [flags] [GLOB...]
//	sqllogictest -url URL -root DIR -list FILE [flags]
//
// It prints a line for each failed record and a table of counts, and exits with
// 1 when something failed, with 2 when it could not run at all. With -reasons, a
// file with "path:line reason" lines, failures that have a reason are expected:
// it exits with 1 when one has none, or when a record with a reason does not fail.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"streamdb/sqllogictest"
)

// config is the command line.
type config struct {
	opts       sqllogictest.Options
	root, list string
	except     string
	json       string
	reasons    string
	markdown   string
	verbose    bool
	keep       bool
	globs      []string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ok, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "sqllogictest:", err)
		os.Exit(2)
	case !ok:
		os.Exit(1)
	}
}

// run does the work of main. It reports whether every file passed.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (bool, error) {
	c, err := parseFlags(args, stderr)
	if err != nil {
		return false, err
	}
	files, err := c.files()
	if err != nil {
		return false, err
	}
	c.opts.OnFile = func(f sqllogictest.FileReport) { printFile(stdout, &f, c.verbose) }
	report, err := sqllogictest.Run(ctx, c.opts, files...)
	if err != nil {
		return false, err
	}
	if c.json != "" {
		if err := writeJSON(c.json, report); err != nil {
			return false, err
		}
	}
	if err := report.WriteSummary(stdout); err != nil || c.reasons == "" {
		return report.OK(), err
	}
	return c.explain(report, stdout)
}

// explain holds the report against the list of reasons.
func (c *config) explain(report *sqllogictest.Report, stdout io.Writer) (bool, error) {
	listed, err := sqllogictest.ReadExceptFile(c.reasons)
	if err != nil {
		return false, err
	}
	reasons := sqllogictest.Reasons(listed)
	if c.markdown != "" {
		f, err := os.Create(c.markdown)
		if err != nil {
			return false, fmt.Errorf("write reasons: %w", err)
		}
		if err := errors.Join(reasons.WriteMarkdown(f, report), f.Close()); err != nil {
			return false, fmt.Errorf("write reasons: %w", err)
		}
	}
	verdict := reasons.Check(report)
	return verdict.OK(), verdict.Write(stdout)
}

func parseFlags(args []string, stderr io.Writer) (*config, error) {
	c := &config{}
	fs := flag.NewFlagSet("sqllogictest", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&c.opts.URL, "url", "", "connection `URL` of the server")
	fs.StringVar(&c.root, "root", ".", "`folder` that the list and the names in reports are relative to")
	fs.StringVar(&c.list, "list", "", "`file` with one test file per line; \"#init: SQL\" lines are run on each connection of the files below")
	fs.StringVar(&c.except, "except", "", "`file` with records to skip, \"path:line reason\" per line")
	fs.StringVar(&c.json, "json", "", "write the report as JSON to this `file`")
	fs.StringVar(&c.reasons, "reasons", "", "`file` with records that are known to fail, \"path:line reason\" per line")
	fs.StringVar(&c.markdown, "markdown", "", "with -reasons: write the counts and the failures by reason to this `file`")
	fs.BoolVar(&c.verbose, "v", false, "show failures in full, and files that passed")
	fs.BoolVar(&c.keep, "keep", false, "do not drop what a file leaves behind")
	fs.BoolVar(&c.opts.LaxErrors, "lax-errors", false, "any error of the server satisfies an expected error")
	fs.BoolVar(&c.opts.Rewrite, "rewrite", false, "put the results of the server into the files")
	fs.BoolVar(&c.opts.AllowSystem, "allow-system", false, "run system records, which are shell commands of the files")
	fs.BoolVar(&c.opts.FreshDatabase, "fresh-db", false, "run each file in a database of its own")
	fs.IntVar(&c.opts.Jobs, "j", 1, "`number` of files to run at a time; more than 1 implies -fresh-db")
	fs.DurationVar(&c.opts.Timeout, "timeout", 30*time.Second, "time limit of a record")
	fs.Func("label", "label that onlyif and skipif see; can be repeated", func(s string) error {
		c.opts.Labels = append(c.opts.Labels, s)
		return nil
	})
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	c.globs = fs.Args()
	if c.opts.URL == "" {
		return nil, errors.New("-url is needed")
	}
	if c.list == "" && len(c.globs) == 0 {
		return nil, errors.New("nothing to run: give -list or a file pattern")
	}
	if c.markdown != "" && c.reasons == "" {
		return nil, errors.New("-markdown needs -reasons")
	}
	c.opts.FreshDatabase = c.opts.FreshDatabase || c.opts.Jobs > 1
	c.opts.DropNew = !c.keep && !c.opts.FreshDatabase
	if c.except != "" {
		except, err := sqllogictest.ReadExceptFile(c.except)
		if err != nil {
			return nil, err
		}
		c.opts.Except = except
	}
	return c, nil
}

// files gives the files of the list and of the patterns. With a list, patterns
// choose from it; without one, they are looked for in the file system.
func (c *config) files() ([]sqllogictest.File, error) {
	var files []sqllogictest.File
	if c.list != "" {
		listed, err := sqllogictest.ReadListFile(c.list, c.root)
		if err != nil {
			return nil, err
		}
		if len(c.globs) == 0 {
			return listed, nil
		}
		for _, f := range listed {
			for _, g := range c.globs {
				ok, err := sqllogictest.MatchGlob(g, f.Name)
				if err != nil {
					return nil, err
				}
				if ok {
					files = append(files, f)
					break
				}
			}
		}
	} else {
		for _, g := range c.globs {
			names, err := sqllogictest.Glob(g)
			if err != nil {
				return nil, err
			}
			for _, path := range names {
				files = append(files, sqllogictest.File{Path: path, Name: c.name(path)})
			}
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no file matches %s", strings.Join(c.globs, " "))
	}
	return files, nil
}

// name gives a path relative to the root, if it is below it.
func (c *config) name(path string) string {
	rel, err := filepath.Rel(c.root, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return filepath.ToSlash(rel)
}

// printFile shows the outcome of a file, nothing if it passed and v is not set.
func printFile(w io.Writer, f *sqllogictest.FileReport, verbose bool) {
	if f.Error != "" {
		fmt.Fprintf(w, "%s: %s\n", f.Name, f.Error)
	}
	for i := range f.Failures {
		if verbose {
			fmt.Fprintln(w, f.Failures[i].String())
		} else {
			fmt.Fprintln(w, f.Failures[i].Summary())
		}
	}
	if !verbose {
		return
	}
	for _, warning := range f.Warnings {
		fmt.Fprintf(w, "%s: warning: %s\n", f.Name, warning)
	}
	verdict := "ok"
	if !f.OK() {
		verdict = "FAILED"
	}
	fmt.Fprintf(w, "%s %s: %d passed, %d failed, %d skipped, %.2fs\n", verdict, f.Name, f.Passed, f.Failed, f.Skipped, f.Elapsed)
}

func writeJSON(name string, report *sqllogictest.Report) error {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return errors.Join(report.WriteJSON(f), f.Close())
}
