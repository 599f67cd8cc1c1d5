package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var fullRounds = flag.Int("full.rounds", 3, "times that TestFullDisk fills the disk to its last byte under load")

// tmpfs mounts a filesystem of a size in memory.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("needs the right to mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// ballast takes space on a small disk.
type ballast struct {
	t   *testing.T
	dir string
}

func (b ballast) path() string { return filepath.Join(b.dir, "ballast") }

func (b ballast) free() int64 {
	b.t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(b.dir, &st); err != nil {
		b.t.Fatal(err)
	}
	return int64(st.Bavail) * st.Bsize
}

// leave fills the disk until at most n bytes are free.
func (b ballast) leave(n int64) {
	b.t.Helper()
	f, err := os.OpenFile(b.path(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	for buf := make([]byte, 64<<10); b.free() > n; {
		if _, err := f.Write(buf[:min(int64(len(buf)), b.free()-n)]); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b ballast) drop() {
	b.t.Helper()
	if err := os.Remove(b.path()); err != nil {
		b.t.Fatal(err)
	}
}

// full is a server on a small disk, with clients that insert.
type full struct {
	*testing.T
	s       *server
	c       *pgx.Conn
	ballast ballast
	acked   [3]atomic.Int64 // by client: rows
	sent    [3]atomic.Int64
	refused atomic.Int64
}

const fullReserve = 16 << 20

// TestFullDisk: a disk that fills up. When less than the reserve is free, new rows
// and jobs get 53100 with a hint, sources wait, reads go on, deletes and drops too;
// when space is freed all goes on without a restart. When the disk is filled to its
// last byte from one moment to the next, the server refuses writes or ends with a
// message; nothing acknowledged is lost. A server that starts on a full disk says
// so. BACKUP to a full disk fails and leaves nothing.
func TestFullDisk(t *testing.T) {
	dir := tmpfs(t, "96m")
	s := newServer(t, "-log-level", "info", "-parallelism", "2", "-disk-reserve", "16MB")
	s.dir = filepath.Join(dir, "data")
	f := &full{T: t, s: s, ballast: ballast{t, dir}}
	s.start()
	f.c = s.connect()
	for _, sql := range []string{
		"create table t (client int, n int, s varchar, primary key (client, n))",
		"create table small (k int primary key)",
		"insert into small values (1), (2), (3)",
		"create table spare as select 1 as a",
		"create materialized view counts as select client, count(*) as c, max(n) as n, sum(length(s)) as l from t group by client",
		`create source ticks (id int) with (connector = 'datagen', fields.id.kind = 'sequence', fields.id.start = '1',
			fields.id.end = '10000000', datagen.rows.per.second = '500')`,
		"create materialized view ticked as select count(*) as n, sum(id)::bigint as s, max(id) as hi from ticks",
	} {
		s.exec(f.c, sql)
	}
	f.nearlyFull()
	f.backup()
	for range *fullRounds {
		f.suddenlyFull()
	}
	f.fullAtStart()
	f.check()
	s.stop()
	if code, out := command(t, "check", "-data-dir", s.dir); code != 0 {
		t.Errorf("streamdb check: %s", out)
	}
}

// refusedWrite checks that a statement gets 53100 and a hint.
func (f *full) refusedWrite(sql string) {
	f.Helper()
	_, err := f.c.Exec(f.Context(), sql)
	var answer *pgconn.PgError
	if !errors.As(err, &answer) || answer.Code != "53100" || answer.Hint == "" || !strings.Contains(answer.Detail, "reserve") {
		f.Errorf("%s: %+v", sql, err)
	}
}

// nearlyFull: the reserve is touched, and given back.
func (f *full) nearlyFull() {
	f.Helper()
	f.ballast.leave(fullReserve - 2<<20)
	time.Sleep(1200 * time.Millisecond) // it looks once a second
	f.refusedWrite("insert into t values (9, 1, 'x')")
	f.refusedWrite("update small set k = k + 10")
	f.refusedWrite("begin; insert into small values (77); commit")
	f.s.exec(f.c, "rollback")
	f.refusedWrite("create materialized view more as select k from small")
	f.refusedWrite("create table more (k int primary key)")
	f.s.exec(f.c, "delete from small where k = 3")
	f.s.exec(f.c, "drop table spare")
	f.check()
	before := ticked(f.T, f.c)
	time.Sleep(300 * time.Millisecond)
	if now := ticked(f.T, f.c); now != before {
		f.Errorf("the source goes on, from %d to %d", before, now)
	}
	f.ballast.drop()
	f.accepted()
	for deadline := time.Now().Add(10 * time.Second); ticked(f.T, f.c) == before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.Fatal("the source does not go on")
		}
	}
}

// accepted waits until writes are accepted again.
func (f *full) accepted() {
	f.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		_, err := f.c.Exec(f.Context(), "insert into small values (3) on conflict (k) do nothing")
		if err == nil {
			return
		}
		if code(err) != "53100" || time.Now().After(deadline) {
			f.Fatalf("after space was freed: %v", err)
		}
	}
}

// backup: the disk of the backup is full.
func (f *full) backup() {
	f.Helper()
	s := f.s
	s.exec(f.c, "insert into t select 9, g, repeat(md5(g::text), 40) from generate_series(1, 2000) g")
	dir := tmpfs(f.T, "1m")
	to := filepath.Join(dir, "b")
	if _, err := f.c.Exec(f.Context(), "backup to '"+to+"'"); code(err) != "53100" {
		f.Errorf("a backup to a full disk: %v", err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
		f.Errorf("a backup that failed has left %v, %v", names, err)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "backup")); err == nil {
		f.Error("a backup that failed has left files in the data directory")
	}
	s.exec(f.c, "delete from t where client = 9")
}

// suddenlyFull fills the disk to its last byte while clients write small and large
// statements, frees it, and starts the server again where it has ended.
func (f *full) suddenlyFull() {
	f.Helper()
	ctx, stop := context.WithCancel(f.Context())
	defer stop()
	var work sync.WaitGroup
	for i := range f.acked {
		work.Go(func() { f.client(ctx, i) })
	}
	time.Sleep(time.Duration(50+rand.IntN(150)) * time.Millisecond)
	f.ballast.leave(0)
	time.Sleep(time.Duration(100+rand.IntN(500)) * time.Millisecond)
	ended := f.s.ended(0)
	f.ballast.drop()
	if !ended {
		time.Sleep(200 * time.Millisecond)
		ended = f.s.ended(0)
	}
	stop()
	work.Wait()
	if ended || f.s.ended(0) {
		text := f.s.log.tail()
		if !strings.Contains(text, "no space left") || strings.Contains(text, "goroutine ") {
			f.Errorf("the server has ended with\n%s", text)
		}
		f.Logf("it ended")
		f.s.cmd = nil
		f.s.start()
		f.c = f.s.connect()
	} else {
		f.Logf("it lives on")
	}
	if f.refused.Load() == 0 && !ended {
		f.Logf("nothing was refused")
	}
	f.accepted()
	f.check()
	// Make room for the next time: what was deleted leaves the disk by and by.
	f.s.exec(f.c, "delete from t where length(s) > 1000")
}

// client inserts rows until ctx ends or the server does: one at a time, or many.
func (f *full) client(ctx context.Context, i int) {
	c, err := f.s.tryConnect()
	if err != nil {
		return
	}
	defer c.Close(context.Background())
	for ctx.Err() == nil {
		n := f.sent[i].Add(1)
		sql := fmt.Sprintf("insert into t values (%d, %d, 'x')", i, n)
		if i == 0 && n%4 == 0 { // large: not through the log
			sql = fmt.Sprintf("insert into t select 8, %d * 10000 + g, repeat(md5(g::text), 100) from generate_series(1, 1100) g", n)
		}
		_, err := c.Exec(ctx, sql)
		switch {
		case err == nil && (i > 0 || n%4 != 0):
			f.acked[i].Add(1)
		case err == nil:
		case code(err) == "53100" || code(err) == "58030":
			f.refused.Add(1)
			time.Sleep(5 * time.Millisecond)
		case !lost(err) && ctx.Err() == nil:
			f.Errorf("client %d: %v", i, err)
			return
		default:
			return
		}
	}
}

// ended reports whether the process has ended by itself, waiting for that.
func (s *server) ended(wait time.Duration) bool {
	for deadline := time.Now().Add(wait); ; time.Sleep(5 * time.Millisecond) {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(s.cmd.Process.Pid, &status, syscall.WNOHANG, nil)
		if err == nil && pid == s.cmd.Process.Pid {
			if status.ExitStatus() != 1 {
				s.t.Errorf("the server ended with status %d", status.ExitStatus())
			}
			return true
		}
		if errors.Is(err, syscall.ECHILD) {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// fullAtStart starts the server on a full disk: it starts or says why it does not,
// and starts when there is space.
func (f *full) fullAtStart() {
	f.Helper()
	f.s.kill()
	f.ballast.leave(0)
	path, err := binary()
	if err != nil {
		f.Fatal(err)
	}
	f.s.log.take()
	f.s.launch(path)
	if f.s.ended(3 * time.Second) {
		text := f.s.log.tail()
		if !strings.Contains(text, "no space left") || strings.Contains(text, "goroutine ") {
			f.Errorf("on a full disk the server ended with\n%s", text)
		}
		f.Log("on a full disk it does not start")
		f.s.cmd = nil
	} else {
		f.Log("on a full disk it starts")
		f.s.kill()
	}
	f.ballast.drop()
	f.s.start()
	f.c = f.s.connect()
	f.accepted()
}

// check holds what is there against what was acknowledged.
func (f *full) check() {
	f.Helper()
	for i := range f.acked {
		var there int64
		if err := f.c.QueryRow(f.Context(), "select coalesce(max(c), 0) from counts where client = $1", i).Scan(&there); err != nil {
			f.Fatal(err)
		}
		if acked, sent := f.acked[i].Load(), f.sent[i].Load(); there < acked || there > sent {
			f.Errorf("client %d: %d rows are there, %d were acknowledged, %d sent", i, there, acked, sent)
		}
	}
	for _, sql := range []string{"check materialized view counts", "select * from ticked where n <> hi or s <> n * (n + 1) / 2", "select name, error from streamdb.jobs where state <> 'RUNNING'"} {
		if res, err := script(f.Context(), f.c.PgConn(), sql); err != nil || len(res[0]) > 0 {
			f.Errorf("%s: %v, %v", sql, res, err)
		}
	}
}
