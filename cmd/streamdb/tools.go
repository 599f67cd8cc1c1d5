package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/peterbourgon/ff/v3"

	"streamdb/engine"
	"streamdb/internal/sqlerr"
)

// tool is a command on a data directory: "streamdb check -data-dir D".
type tool struct {
	usage string
	run   func(usage string, args []string, stdout io.Writer) (code int, err error)
}

// tools are the commands besides the server itself.
var tools = map[string]tool{
	"check":   {usage: "check -data-dir DIR: verifies a data directory that no server uses, without changing it", run: runCheck},
	"restore": {usage: "restore -from BACKUP -data-dir DIR: makes a data directory of what BACKUP TO 'directory' made", run: runRestore},
}

// runTool runs the command that args begin with, if it is one.
func runTool(args []string, stdout, stderr io.Writer) (code int, ok bool) {
	if len(args) == 0 {
		return 0, false
	}
	t, ok := tools[args[0]]
	if !ok {
		return 0, false
	}
	code, err := t.run(t.usage, args[1:], stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0, true
	case err != nil:
		fmt.Fprintf(stderr, "streamdb %s: %v\n", args[0], err)
		var e *sqlerr.Error
		if errors.As(err, &e) && e.Hint != "" {
			fmt.Fprintf(stderr, "hint: %s\n", e.Hint)
		}
		return max(code, 1), true
	}
	return code, true
}

// parseTool reads the flags of a command; environment variables count as for the server.
func parseTool(fs *flag.FlagSet, usage string, args []string, stdout io.Writer) error {
	fs.SetOutput(io.Discard)
	err := ff.Parse(fs, args, ff.WithEnvVarPrefix(envPrefix))
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(stdout, "streamdb %s\n\n", usage)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return flag.ErrHelp
	}
	if err == nil && fs.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return err
}

// untilSignal is a context that a signal ends.
func untilSignal() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// runCheck is "streamdb check". Exit code 1: there are problems, or it could not be checked; 2: wrong usage.
func runCheck(usage string, args []string, stdout io.Writer) (int, error) {
	fs := flag.NewFlagSet("streamdb check", flag.ContinueOnError)
	dir := fs.String("data-dir", "./streamdb-data", "`directory` that holds the database")
	var memory size
	fs.Var(&memory, "memory-limit", "`size` of the memory for caches and comparisons, as 4GB or 512MB; 0: three quarters of the machine's")
	if err := parseTool(fs, usage, args, stdout); err != nil {
		return 2, err
	}
	ctx, stop := untilSignal()
	defer stop()
	limit := cmp.Or(int64(memory), engine.DefaultMemoryLimit())
	engine.TuneRuntime(limit)
	problems, err := engine.CheckDir(ctx, *dir, limit, stdout)
	if err != nil {
		return 1, err
	}
	if problems > 0 {
		return 1, fmt.Errorf("%d problems in %s", problems, *dir)
	}
	return 0, nil
}

// runRestore is "streamdb restore".
func runRestore(usage string, args []string, stdout io.Writer) (int, error) {
	fs := flag.NewFlagSet("streamdb restore", flag.ContinueOnError)
	from := fs.String("from", "", "`directory` that holds the backup")
	dir := fs.String("data-dir", "", "`directory` to make; it must be empty, or not exist")
	if err := parseTool(fs, usage, args, stdout); err != nil {
		return 2, err
	}
	if *from == "" || *dir == "" {
		return 2, errors.New("both -from and -data-dir are needed")
	}
	ctx, stop := untilSignal()
	defer stop()
	return 0, engine.RestoreDir(ctx, *from, *dir, stdout)
}
