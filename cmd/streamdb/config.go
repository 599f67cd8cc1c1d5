package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3"
)

// config is what the server is started with.
type config struct {
	listen             string
	dataDir            string
	barrierInterval    time.Duration
	checkpointInterval time.Duration
	parallelism        int
	memoryLimit        size
	diskReserve        size
	maxConnections     int
	stopTimeout        time.Duration
	tlsCert, tlsKey    string
	logLevel           slog.Level
	logFormat          string
	debugListen        string
	demo               bool
	testClock          time.Time
	beyondLoopback     bool
	version            bool
}

const envPrefix = "STREAMDB"

const usageHead = `streamdb is a streaming SQL database that Postgres clients connect to.

Every option can be given as a flag, as an environment variable (-data-dir is
STREAMDB_DATA_DIR) or as a line "data-dir VALUE" of the file that -config names;
the first of these that names it counts.

`

// parseConfig reads flags, environment and file. flag.ErrHelp: the help that was
// asked for is on out.
func parseConfig(args []string, out io.Writer) (*config, error) {
	c := &config{}
	fs := flag.NewFlagSet("streamdb", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.listen, "listen", "127.0.0.1:4566", "`address` to listen on")
	fs.StringVar(&c.dataDir, "data-dir", "./streamdb-data", "`directory` that holds the database; made if there is none")
	fs.DurationVar(&c.barrierInterval, "barrier-interval", 100*time.Millisecond, "time between two epochs while data flows: how old a view's rows may be")
	fs.DurationVar(&c.checkpointInterval, "checkpoint-interval", time.Second, "most time between two epochs that are synced to disk")
	fs.IntVar(&c.parallelism, "parallelism", 0, "instances of each parallel part of a job; 0: the number of cores")
	fs.Var(&c.memoryLimit, "memory-limit", "`size` of the memory for state, caches and queries, as 4GB or 512MB; 0: three quarters of the machine's")
	fs.Var(&c.diskReserve, "disk-reserve", "`size` of the disk that stays free: below it nothing new is accepted; 0: 256MB, or a twentieth of a smaller disk")
	fs.IntVar(&c.maxConnections, "max-connections", 1000, "most clients at a time")
	fs.DurationVar(&c.stopTimeout, "stop-timeout", 10*time.Second, "time that running statements get to end when the server is stopped")
	fs.StringVar(&c.tlsCert, "tls-cert", "", "`file` with the certificate for TLS, in PEM")
	fs.StringVar(&c.tlsKey, "tls-key", "", "`file` with the certificate's private key, in PEM")
	fs.TextVar(&c.logLevel, "log-level", slog.LevelInfo, "least `level` to log: debug, info, warn or error")
	fs.StringVar(&c.logFormat, "log-format", "text", "`form` of the log on standard error: text or json")
	fs.StringVar(&c.debugListen, "debug-listen", "", "`address` on loopback to answer profiles on, over HTTP under /debug/pprof/")
	fs.BoolVar(&c.demo, "demo", false, "make sources and views of auction bids, and print results once a second")
	fs.TextVar(&c.testClock, "test-clock", time.Time{}, "for tests: the `time` at which the clock of now() stands, as 2026-01-01T00:00:00Z, until ALTER SYSTEM SET test_clock moves it")
	fs.BoolVar(&c.beyondLoopback, "insecure-listen-beyond-loopback", false,
		"listen also where other machines can connect, though nobody is asked for a password")
	fs.BoolVar(&c.version, "version", false, "print the version and end")
	_ = fs.String("config", "", "`file` with more options")

	err := ff.Parse(fs, args, ff.WithEnvVarPrefix(envPrefix), ff.WithConfigFileFlag("config"), ff.WithConfigFileParser(ff.PlainParser))
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(out, usageHead)
		fs.SetOutput(out)
		fs.PrintDefaults()
		return nil, flag.ErrHelp
	}
	if err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return c, c.check()
}

// check finds values that cannot be used.
func (c *config) check() error {
	switch {
	case c.dataDir == "":
		return errors.New("-data-dir is empty")
	case c.barrierInterval <= 0 || c.checkpointInterval <= 0:
		return errors.New("-barrier-interval and -checkpoint-interval must be more than 0")
	case c.checkpointInterval < c.barrierInterval:
		return fmt.Errorf("-checkpoint-interval %v is less than -barrier-interval %v", c.checkpointInterval, c.barrierInterval)
	case c.parallelism < 0 || c.parallelism > 256:
		return fmt.Errorf("-parallelism %d is not between 0 and 256", c.parallelism)
	case c.memoryLimit != 0 && c.memoryLimit < 64<<20:
		return fmt.Errorf("-memory-limit %s is less than 64MB", c.memoryLimit)
	case c.maxConnections < 1:
		return fmt.Errorf("-max-connections %d is less than 1", c.maxConnections)
	case c.stopTimeout < 0:
		return errors.New("-stop-timeout is less than 0")
	case c.logFormat != "text" && c.logFormat != "json":
		return fmt.Errorf("-log-format %q is neither text nor json", c.logFormat)
	case (c.tlsCert == "") != (c.tlsKey == ""):
		return errors.New("-tls-cert and -tls-key need each other")
	}
	if c.parallelism == 0 {
		c.parallelism = runtime.GOMAXPROCS(0)
	}
	return nil
}

// address resolves -listen, and refuses what other machines can reach.
func (c *config) address() (*net.TCPAddr, error) {
	addr, err := net.ResolveTCPAddr("tcp", c.listen)
	if err != nil {
		return nil, fmt.Errorf("-listen %s: %w", c.listen, err)
	}
	if !addr.IP.IsLoopback() && !c.beyondLoopback {
		return nil, fmt.Errorf("refusing to listen on %s: authentication is off, so whoever reaches that address can read and change everything; "+
			"-insecure-listen-beyond-loopback allows it all the same", c.listen)
	}
	return addr, nil
}

// tls is the configuration for encrypted connections; nil: none.
func (c *config) tls() (*tls.Config, error) {
	if c.tlsCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.tlsCert, c.tlsKey)
	if err != nil {
		return nil, fmt.Errorf("-tls-cert and -tls-key: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

func (c *config) logger(w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.logLevel}
	if c.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// size is a number of bytes, written as Postgres's settings are: 512MB, with
// units of 1024.
type size int64

var units = []struct {
	name string
	n    int64
}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"kB", 1 << 10}, {"B", 1}}

// Set implements flag.Value.
func (s *size) Set(text string) error {
	num, unit := strings.TrimSpace(text), int64(1)
	for _, u := range units {
		if len(num) > len(u.name) && strings.EqualFold(num[len(num)-len(u.name):], u.name) {
			num, unit = strings.TrimSpace(num[:len(num)-len(u.name)]), u.n
			break
		}
	}
	n, err := strconv.ParseFloat(num, 64)
	if err != nil || !(n >= 0 && n*float64(unit) <= 1<<62) {
		return fmt.Errorf("%q is no size: write 4GB or 512MB", text)
	}
	*s = size(n * float64(unit))
	return nil
}

func (s size) String() string {
	for _, u := range units {
		if s != 0 && int64(s)%u.n == 0 {
			return strconv.FormatInt(int64(s)/u.n, 10) + u.name
		}
	}
	return "0"
}
