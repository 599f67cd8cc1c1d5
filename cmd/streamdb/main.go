package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"streamdb/engine"
	"streamdb/wire"
)

// closeTimeout is for the last epoch and the store, after the connections.
const closeTimeout = 30 * time.Second

// secondSignal is how long after the first signal another one is the first again.
const secondSignal = time.Second

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program; it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	if code, ok := runTool(args, stdout, stderr); ok {
		return code
	}
	c, err := parseConfig(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "streamdb: %v\n", err)
		return 2
	case c.version:
		fmt.Fprintln(stdout, "streamdb", version())
		return 0
	}
	addr, err := c.address()
	if err != nil {
		fmt.Fprintf(stderr, "streamdb: %v\n", err)
		return 2
	}
	// The first signal ends the server in order, a later one at once; some senders
	// (a terminal and its shell, timeout) send the first one twice.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() { time.AfterFunc(secondSignal, stop) })
	defer stop()
	if err := serve(ctx, c, addr, c.logger(stderr), stdout); err != nil {
		fmt.Fprintf(stderr, "streamdb: %v\n", err)
		return 1
	}
	return 0
}

// serve runs the server until ctx is cancelled or something fails.
func serve(ctx context.Context, c *config, addr *net.TCPAddr, log *slog.Logger, stdout io.Writer) (err error) {
	tlsConfig, err := c.tls()
	if err != nil {
		return err
	}
	// A taken port is found before the database is opened; clients wait meanwhile.
	ln, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return err
	}
	defer ln.Close()
	if c.debugListen != "" {
		at, stop, err := serveDebug(c.debugListen)
		if err != nil {
			return fmt.Errorf("-debug-listen %s: %w", c.debugListen, err)
		}
		defer stop()
		log.Info("profiles are on", "address", at)
	}
	limit := int64(c.memoryLimit)
	if limit == 0 {
		limit = engine.DefaultMemoryLimit()
	}
	reserve := int64(c.diskReserve)
	if reserve == 0 {
		reserve = engine.AutoDiskReserve
	}
	engine.TuneRuntime(limit)
	options := engine.Options{
		DataDir:            c.dataDir,
		BarrierInterval:    c.barrierInterval,
		CheckpointInterval: c.checkpointInterval,
		Parallelism:        c.parallelism,
		MemoryLimit:        limit,
		DiskReserve:        reserve,
		MaxConnections:     c.maxConnections,
		TestClock:          c.testClock,
		Log:                log,
	}
	// The store has said why. Nothing that was acknowledged is lost by ending here.
	options.Store.Fatal = func(string) { os.Exit(1) }
	db, err := engine.Open(ctx, options)
	if err != nil {
		return fmt.Errorf("opening the database in %s: %w", c.dataDir, err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if cerr := db.Close(ctx); cerr != nil {
			err = errors.Join(err, fmt.Errorf("closing the database: %w", cerr))
			return
		}
		log.Info("database is closed")
	}()

	server := &wire.Server{Handler: db, Log: log, MaxConns: c.maxConnections, TLS: tlsConfig}
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.WithoutCancel(ctx), ln) }()
	at := ln.Addr().(*net.TCPAddr)
	log.Info("listening", "address", at.String(), "data", c.dataDir)
	fmt.Fprintf(stdout, "streamdb is ready: %s\n", psqlLine(at))

	var failure error
	if c.demo {
		failure = runDemo(ctx, at, stdout) // until ctx is cancelled, or it fails
	} else {
		select {
		case <-ctx.Done():
		case failure = <-served:
			return failure
		}
	}
	log.Info("stopping")
	grace, cancel := context.WithTimeout(context.Background(), c.stopTimeout)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return errors.Join(failure, err)
	}
	return errors.Join(failure, <-served)
}

// psqlLine is the command that connects to the server from this machine.
func psqlLine(a *net.TCPAddr) string {
	return fmt.Sprintf("psql -h %s -p %d -U root -d dev", localHost(a), a.Port)
}

// localHost is where this machine reaches a listener.
func localHost(a *net.TCPAddr) string {
	switch {
	case !a.IP.IsUnspecified():
		return a.IP.String()
	case a.IP.To4() != nil:
		return "127.0.0.1"
	}
	return "localhost"
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
