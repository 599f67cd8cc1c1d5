package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var (
	slowFor  = flag.Duration("slow.for", 2*time.Second, "how long TestSlowDisk writes to a slow disk")
	slowIOPS = flag.Int("slow.iops", 25, "writes a second that its disk does")
)

// slowDisk is a filesystem on a loop device, and a control group (version 1, blkio)
// whose processes write to it slowly.
type slowDisk struct {
	dir, group string
}

// systemTool runs a program that the test needs, or skips it.
func systemTool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Skipf("needs %s %s: %v %s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func newSlowDisk(t *testing.T) slowDisk {
	t.Helper()
	d := slowDisk{dir: t.TempDir(), group: fmt.Sprintf("/sys/fs/cgroup/blkio/streamdb-test-%d", os.Getpid())}
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 256<<20); err != nil {
		t.Fatal(err)
	}
	systemTool(t, "mkfs.ext2", "-q", image)
	loop := systemTool(t, "losetup", "-f", "--show", image)
	t.Cleanup(func() { exec.Command("losetup", "-d", loop).Run() })
	if err := syscall.Mount(loop, d.dir, "ext2", 0, ""); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := os.Mkdir(d.group, 0o755); err != nil {
		t.Skipf("needs a control group that throttles: %v", err)
	}
	t.Cleanup(func() { os.Remove(d.group) })
	var st syscall.Stat_t
	if err := syscall.Stat(loop, &st); err != nil {
		t.Fatal(err)
	}
	limit := fmt.Sprintf("%d:%d %d", st.Rdev>>8&0xfff, st.Rdev&0xff, *slowIOPS)
	if err := os.WriteFile(filepath.Join(d.group, "blkio.throttle.write_iops_device"), []byte(limit), 0o600); err != nil {
		t.Skipf("needs a control group that throttles: %v", err)
	}
	return d
}

// join makes the disk slow for a process, or fast again.
func (d slowDisk) join(t *testing.T, pid int, slow bool) {
	t.Helper()
	group := d.group
	if !slow {
		group = filepath.Dir(group)
	}
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestSlowDisk: a disk that takes a tenth of a second for a sync. Writes wait for it,
// and share syncs; reading does not wait, a statement that runs out of time ends in
// time, and a kill in the middle of a sync loses nothing that was acknowledged.
func TestSlowDisk(t *testing.T) {
	d := newSlowDisk(t)
	s := newServer(t, "-log-level", "warn", "-parallelism", "2")
	s.dir = filepath.Join(d.dir, "data")
	s.start()
	c := s.connect()
	for _, sql := range []string{
		"create table t (client int, n int, primary key (client, n))",
		"create materialized view counts as select client, count(*) as c, max(n) as n from t group by client",
		`create source ticks (id int) with (connector = 'datagen', fields.id.kind = 'sequence', fields.id.start = '1',
			fields.id.end = '10000000', datagen.rows.per.second = '1000')`,
		"create materialized view ticked as select count(*) as n, sum(id)::bigint as s, max(id) as hi from ticks",
	} {
		s.exec(c, sql)
	}
	const clients = 8
	var acked [clients]atomic.Int64
	write := func(ctx context.Context, work *sync.WaitGroup) {
		for i := range clients {
			conn := s.connect()
			work.Go(func() {
				defer conn.Close(context.Background())
				for ctx.Err() == nil {
					if _, err := conn.Exec(ctx, "insert into t values ($1, $2) on conflict do nothing", i, acked[i].Load()+1); err != nil {
						if ctx.Err() == nil && !lost(err) {
							t.Error(err)
						}
						return
					}
					acked[i].Add(1)
				}
			})
		}
	}
	d.join(t, s.cmd.Process.Pid, true)
	ctx, stop := context.WithTimeout(t.Context(), *slowFor)
	defer stop()
	var work sync.WaitGroup
	write(ctx, &work)
	reads, longest := 0, time.Duration(0)
	for first := ticked(t, c); ctx.Err() == nil; reads++ {
		begun := time.Now()
		n := ticked(t, c)
		longest = max(longest, time.Since(begun))
		if n < first {
			t.Errorf("the view over the source went back from %d to %d", first, n)
		}
		first = n
		time.Sleep(time.Millisecond)
	}
	begun := time.Now()
	s.exec(c, "set statement_timeout = '20ms'")
	_, err := c.Exec(t.Context(), "insert into t values (100, 1)")
	if took := time.Since(begun); err != nil && (code(err) != "57014" || took > time.Second) {
		t.Errorf("with a timeout of 20 ms, after %v: %v", took, err)
	}
	work.Wait()
	total := int64(0)
	for i := range acked {
		total += acked[i].Load()
	}
	if total == 0 || longest > *slowFor/2 {
		t.Errorf("%d rows were acknowledged; the longest read took %v", total, longest)
	}

	// Killed in the middle of a sync.
	rest, end := context.WithCancel(t.Context())
	defer end()
	s.exec(c, "set statement_timeout = 0")
	for i := range acked { // the last one of each may have come to the disk
		var last int64
		if err := c.QueryRow(t.Context(), "select coalesce(max(n), 0) from t where client = $1", i).Scan(&last); err != nil {
			t.Fatal(err)
		}
		if n := acked[i].Load(); last != n && last != n+1 {
			t.Errorf("client %d: the last row is %d, %d were acknowledged", i, last, n)
		}
		acked[i].Store(last)
	}
	write(rest, &work)
	time.Sleep(300 * time.Millisecond)
	s.kill()
	end()
	work.Wait()
	s.start()
	c = s.connect()
	for i := range acked {
		var there int64
		if err := c.QueryRow(t.Context(), "select coalesce(max(c), 0) from counts where client = $1", i).Scan(&there); err != nil {
			t.Fatal(err)
		}
		if n := acked[i].Load(); there < n || there > n+1 {
			t.Errorf("client %d: %d rows, %d were acknowledged", i, there, n)
		}
	}
	for _, sql := range []string{"check materialized view counts", "select * from ticked where n <> hi or s <> n * (n + 1) / 2", "select name, error from streamdb.jobs where state <> 'RUNNING'"} {
		if res, err := script(t.Context(), c.PgConn(), sql); err != nil || len(res[0]) > 0 {
			t.Errorf("%s: %v, %v", sql, res, err)
		}
	}
	t.Logf("%d writes a second: %d rows acknowledged to %d clients in %v; %d reads, the longest %v", *slowIOPS, total, clients, *slowFor, reads, longest)
}
