package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var backupRounds = flag.Int("backup.rounds", 6, "backups of TestBackupUnderWrites, half of them with a kill -9 in between")

// command runs the program on a directory and returns its exit code and output.
func command(t *testing.T, args ...string) (int, string) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode(), string(out)
	case err != nil:
		t.Fatal(err)
	}
	return 0, string(out)
}

// transfers moves amounts between accounts until it is stopped or the server is
// gone; done counts the acknowledged ones, each of which is a row of the table log.
func transfers(ctx context.Context, url string, seed uint64, done *atomic.Int64) {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return
	}
	defer c.Close(context.Background())
	rng := rand.New(rand.NewPCG(seed, 3))
	for ctx.Err() == nil {
		from, to, amount := rng.IntN(10), rng.IntN(10), rng.IntN(100)
		next := done.Load() + 1
		_, err := c.Exec(ctx, fmt.Sprintf(`begin; update accounts set amount = amount - %d where id = %d;
			update accounts set amount = amount + %d where id = %d; insert into log values (%d, %d, repeat('x', 300)); commit`,
			amount, from, amount, to, seed, next))
		var pe *pgconn.PgError
		switch {
		case err == nil:
			done.Store(next)
		case errors.As(err, &pe) && pe.Code == "40001":
			if _, err := c.Exec(ctx, "rollback"); err != nil {
				return
			}
		default:
			return
		}
	}
}

// TestBackupUnderWrites makes backups while clients transfer money, and kills the
// server during some of them. A backup that returned can be restored, and is the
// state of one moment between its beginning and its end: the accounts sum to
// zero, each client's transfers are those that it had done, views equal their
// queries. One that was cut off is refused, and the server starts again.
func TestBackupUnderWrites(t *testing.T) {
	const clients = 3
	s := newServer(t, "-log-level", "warn")
	s.start()
	c := s.connect()
	s.exec(c, "create table accounts (id int primary key, amount bigint)")
	s.exec(c, "insert into accounts select x, 0 from generate_series(0, 9) x")
	s.exec(c, "create table log (client bigint, n bigint, filler varchar, primary key (client, n))")
	s.exec(c, "create materialized view progress as select client, max(n) as n, count(*) as c from log group by client")
	s.exec(c, "create materialized view total as select sum(amount) as total from accounts")
	s.exec(c, "create index log_n on log (n)")
	s.exec(c, "insert into log select 100, x, repeat('y', 300) from generate_series(1, 20000) x") // some table files
	backups := t.TempDir()
	unfinished := 0
	for round := range *backupRounds {
		var done [clients]atomic.Int64
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan struct{}, clients)
		first := uint64(200 + round*clients)
		for i := range clients {
			go func() {
				transfers(ctx, s.url(), first+uint64(i), &done[i])
				ended <- struct{}{}
			}()
		}
		time.Sleep(time.Duration(50+rand.IntN(200)) * time.Millisecond)
		dir := filepath.Join(backups, fmt.Sprint(round))
		if round%2 == 1 {
			process := s.cmd.Process
			time.AfterFunc(time.Duration(rand.IntN(40))*time.Millisecond, func() { process.Kill() })
		}
		var before, after [clients]int64
		for i := range clients {
			before[i] = done[i].Load()
		}
		_, err := c.Exec(context.Background(), fmt.Sprintf("backup to '%s'", dir))
		for i := range clients {
			after[i] = done[i].Load() + 1 // one may be on its way
		}
		stop()
		for range clients {
			<-ended
		}
		if round%2 == 1 {
			s.kill()
			s.start()
			c = s.connect()
		} else if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(backups, fmt.Sprint("restored", round))
		code, out := command(t, "restore", "-from", dir, "-data-dir", to)
		switch {
		case err == nil && code != 0:
			t.Fatalf("a backup that was made is not restored: %s", out)
		case err != nil && code != 0:
			unfinished++
			if !strings.Contains(out, "not finished") && !strings.Contains(out, "there is no backup") {
				t.Errorf("an interrupted backup: %s", out)
			}
			if _, err := os.Stat(to); err == nil {
				t.Errorf("a refused restore has made %s", to)
			}
			continue
		}
		checkRestored(t, to, first, before[:], after[:])
	}
	t.Logf("%d backups, %d of them cut off", *backupRounds, unfinished)
	s.stop()
	if code, out := command(t, "check", "-data-dir", s.dir); code != 0 {
		t.Errorf("streamdb check: %d\n%s", code, out)
	}
}

// checkRestored verifies a restored directory, serves it and compares it with what
// the clients had done before and after the backup.
func checkRestored(t *testing.T, dir string, first uint64, before, after []int64) {
	t.Helper()
	if code, out := command(t, "check", "-data-dir", dir); code != 0 {
		t.Errorf("streamdb check of a restored directory: %d\n%s", code, out)
	}
	r := newServer(t, "-log-level", "warn")
	r.dir = dir
	r.start()
	defer r.kill()
	c := r.connect()
	ctx := context.Background()
	var sum int64
	if err := c.QueryRow(ctx, "select total::bigint from total").Scan(&sum); err != nil || sum != 0 {
		t.Errorf("the accounts sum to %d, %v", sum, err)
	}
	for i := range before {
		var n, count int64
		err := c.QueryRow(ctx, fmt.Sprintf("select coalesce(max(n), 0), coalesce(max(c), 0) from progress where client = %d", first+uint64(i))).Scan(&n, &count)
		if err != nil || n != count || n < before[i] || n > after[i] {
			t.Errorf("client %d: %d transfers up to number %d; at the backup it had done %d to %d; %v", i, count, n, before[i], after[i], err)
		}
	}
	for _, view := range []string{"progress", "total"} {
		rows, err := c.Query(ctx, "check materialized view "+view)
		if err != nil {
			t.Fatal(err)
		}
		if rows.Next() {
			t.Errorf("%s is not its query", view)
		}
		rows.Close()
	}
	r.exec(c, "insert into log values (1, 1, 'after')") // it goes on
	c.Close(ctx)
	r.stop()
	if code, out := command(t, "check", "-data-dir", dir); code != 0 {
		t.Errorf("streamdb check after more writes: %d\n%s", code, out)
	}
}

// TestTools: what check and restore say to wrong arguments and directories.
func TestTools(t *testing.T) {
	dir := t.TempDir()
	for _, x := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"check", "-h"}, 0, "streamdb check -data-dir"},
		{[]string{"check", "-data-dir", filepath.Join(dir, "none")}, 1, "there is no database"},
		{[]string{"check", "-data-dir", dir, "more"}, 2, "unexpected argument"},
		{[]string{"check", "-what"}, 2, "not defined"},
		{[]string{"restore", "-from", dir}, 2, "are needed"},
		{[]string{"restore", "-from", dir, "-data-dir", filepath.Join(dir, "new")}, 1, "there is no backup"},
	} {
		var out bytes.Buffer
		if code := run(x.args, &out, &out); code != x.code || !strings.Contains(out.String(), x.says) {
			t.Errorf("streamdb %s: %d, %s", strings.Join(x.args, " "), code, out.String())
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "new")); err == nil {
		t.Error("a refused restore has made a directory")
	}
	s := newServer(t)
	s.start()
	if code, out := command(t, "check", "-data-dir", s.dir); code != 1 || !strings.Contains(out, "in use") {
		t.Errorf("check of a running server: %d, %s", code, out)
	}
}
