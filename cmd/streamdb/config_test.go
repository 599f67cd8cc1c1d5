package main

import (
	"bytes"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestConfigOrder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "streamdb.conf")
	text := "# comment\nbarrier-interval 30ms\ncheckpoint-interval 3s\nmemory-limit 3GB\nlog-level debug\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STREAMDB_CHECKPOINT_INTERVAL", "2s")
	t.Setenv("STREAMDB_MEMORY_LIMIT", "2GB")
	t.Setenv("STREAMDB_CONFIG", file)
	c, err := parseConfig([]string{"-memory-limit", "1GB"}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if c.memoryLimit != 1<<30 || c.checkpointInterval != 2*time.Second || c.barrierInterval != 30*time.Millisecond || c.logLevel != slog.LevelDebug {
		t.Errorf("%+v", c)
	}
	if c.listen != "127.0.0.1:4566" || c.dataDir != "./streamdb-data" || c.parallelism < 1 {
		t.Errorf("defaults: %+v", c)
	}
}

func TestConfigErrors(t *testing.T) {
	for _, args := range [][]string{
		{"-nosuch"}, {"word"}, {"-barrier-interval", "0s"}, {"-checkpoint-interval", "1ms"}, {"-parallelism", "-1"}, {"-memory-limit", "much"},
		{"-memory-limit", "1MB"}, {"-log-level", "loud"}, {"-log-format", "xml"}, {"-config", "/nonexistent/file"}, {"-tls-cert", "x"},
		{"-data-dir", ""}, {"-max-connections", "0"},
	} {
		if _, err := parseConfig(args, &bytes.Buffer{}); err == nil {
			t.Errorf("%v was accepted", args)
		}
		var stderr bytes.Buffer
		if code := run(args, &bytes.Buffer{}, &stderr); code != 2 || stderr.Len() == 0 {
			t.Errorf("%v: exit code %d, %q", args, code, stderr.String())
		}
	}
	bad := filepath.Join(t.TempDir(), "bad.conf")
	os.WriteFile(bad, []byte("nosuch 1\n"), 0o600)
	if _, err := parseConfig([]string{"-config", bad}, &bytes.Buffer{}); err == nil {
		t.Error("an unknown key was accepted")
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if _, err := parseConfig([]string{"-h"}, &out); !errors.Is(err, flag.ErrHelp) {
		t.Error(err)
	}
	for _, want := range []string{"-data-dir", "STREAMDB_DATA_DIR", "-insecure-listen-beyond-loopback"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in the help", want)
		}
	}
}

// TestLoopback: without authentication nobody else may reach the server.
func TestLoopback(t *testing.T) {
	for addr, loopback := range map[string]bool{"127.0.0.1:0": true, "[::1]:0": true, "localhost:0": true, "127.8.9.10:1": true,
		":4566": false, "0.0.0.0:4566": false, "[::]:4566": false, "192.0.2.1:4566": false} {
		c := &config{listen: addr}
		if _, err := c.address(); (err == nil) != loopback {
			t.Errorf("%s: %v", addr, err)
		}
		c.beyondLoopback = true
		if _, err := c.address(); err != nil {
			t.Errorf("%s, told so: %v", addr, err)
		}
	}
	var stderr bytes.Buffer
	if code := run([]string{"-listen", "0.0.0.0:0"}, &bytes.Buffer{}, &stderr); code != 2 || !strings.Contains(stderr.String(), "authentication is off") {
		t.Error(code, stderr.String())
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]size{"0": 0, "1024": 1024, "1kB": 1 << 10, "512MB": 512 << 20, "1.5GB": 3 << 29, "2 tb": 2 << 40, "7B": 7} {
		var s size
		if err := s.Set(text); err != nil || s != want {
			t.Errorf("%s: %d, %v", text, s, err)
		}
		var again size
		if err := again.Set(s.String()); err != nil || again != s {
			t.Errorf("%s prints as %s", text, s)
		}
	}
	for _, text := range []string{"", "GB", "-1", "1XB", "1e30GB", "NaN"} {
		var s size
		if err := s.Set(text); err == nil {
			t.Errorf("%q is %d", text, s)
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", -123: "-123"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
