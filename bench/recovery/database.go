package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"streamdb/bench/internal/servers"
)

// database is a server with a large state and a source that goes on.
type database struct {
	bed    *servers.Bed
	dir    string
	server *servers.Server
	rows   int64 // of the state
	feed   *feed
	next   int64 // ids of rows that are inserted later
}

const (
	pad     = 200 // bytes of a row that hardly can be compressed
	perCopy = 5000
	later   = int64(1) << 40
)

// newDatabase makes the state of a size on disk and starts the source.
func newDatabase(ctx context.Context, bed *servers.Bed, size int64) (*database, error) {
	d := &database{bed: bed, dir: filepath.Join(bed.Dir, fmt.Sprintf("data%d", size>>20)), next: later}
	path := d.dir + ".csv"
	var err error
	if d.server, err = servers.Streamdb(bed.Binary, d.dir, "-memory-limit", *memory); err != nil {
		return nil, err
	}
	err = d.server.Exec(ctx,
		"CREATE TABLE state (id bigint PRIMARY KEY, grp int, pad text)",
		"CREATE MATERIALIZED VIEW by_group AS SELECT grp, count(*) AS n, max(id) AS newest FROM state GROUP BY grp")
	if err == nil {
		err = d.fill(ctx, size)
	}
	if err == nil {
		d.feed, err = newFeed(path, d.rows)
	}
	if err == nil {
		err = d.server.Exec(ctx,
			fmt.Sprintf("CREATE SOURCE lines (seq bigint, id bigint) WITH (connector = 'file', path = '%s') FORMAT PLAIN ENCODE CSV (without_header = 'true')", path),
			"SET background_ddl = on",
			"CREATE MATERIALIZED VIEW joined AS SELECT l.seq, s.grp, s.pad FROM lines l JOIN state s ON l.id = s.id",
			"CREATE MATERIALIZED VIEW progress AS SELECT count(*) AS n, max(seq) AS newest FROM joined")
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// fill copies rows until the files have the size.
func (d *database) fill(ctx context.Context, size int64) error {
	c, err := d.server.Connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	rng := rand.New(rand.NewPCG(1, uint64(size)))
	var b bytes.Buffer
	text := make([]byte, pad)
	for d.diskBytes() < size {
		b.Reset()
		for range perCopy {
			for i := range text {
				text[i] = 'A' + byte(rng.Uint32()%58)
				if text[i] == '\\' {
					text[i] = '-'
				}
			}
			fmt.Fprintf(&b, "%d\t%d\t%s\n", d.rows, d.rows%1000, text)
			d.rows++
		}
		if _, err := c.PgConn().CopyFrom(ctx, &b, "COPY state FROM STDIN"); err != nil {
			return err
		}
	}
	return nil
}

// diskBytes is the size of the database's files.
func (d *database) diskBytes() (n int64) {
	filepath.WalkDir(d.dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

func (d *database) close() {
	if d.feed != nil {
		d.feed.stop()
	}
	d.server.Stop()
}

// near is how far behind its source a view may be that has caught up, at least.
const near = 100 * time.Millisecond

// round kills the server and gives the milliseconds from the start of the next one.
func (d *database) round(ctx context.Context) (map[string]float64, error) {
	c, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := d.await(ctx, c, near); err != nil {
		return nil, err
	}
	time.Sleep(*settled)
	before, err := d.behind(ctx, c)
	if err != nil {
		return nil, err
	}
	c.Close(ctx)
	d.server.Kill()

	begun := time.Now()
	since := func() float64 { return time.Since(begun).Seconds() * 1e3 }
	if d.server, err = servers.Launch(d.bed.Binary, d.dir, "-memory-limit", *memory); err != nil {
		return nil, err
	}
	times := map[string]float64{"behind_ms": before.Seconds() * 1e3}
	if c, err = d.connect(ctx); err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	var n int64
	if err := c.QueryRow(ctx, "SELECT n FROM by_group WHERE grp = 7").Scan(&n); err != nil {
		return nil, err
	}
	times["serves_ms"] = since()
	d.next++
	if _, err := c.Exec(ctx, "INSERT INTO state VALUES ($1, 7, 'new')", d.next); err != nil {
		return nil, err
	}
	if err := c.QueryRow(ctx, "SELECT newest FROM by_group WHERE grp = 7").Scan(&n); err != nil {
		return nil, err
	}
	if n != d.next {
		return nil, fmt.Errorf("row %d is acknowledged, the view's newest is %d", d.next, n)
	}
	times["result_ms"] = since()
	if _, err := d.await(ctx, c, max(near, 2*before)); err != nil {
		return nil, err
	}
	times["caught_up_ms"] = since()
	return times, nil
}

// connect waits until the server answers.
func (d *database) connect(ctx context.Context) (*pgx.Conn, error) {
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(2 * time.Millisecond) {
		c, err := d.server.Connect(ctx)
		if err == nil || time.Now().After(deadline) {
			return c, err
		}
	}
}

// behind is how far the view is behind the source.
func (d *database) behind(ctx context.Context, c *pgx.Conn) (time.Duration, error) {
	written := d.feed.written.Load()
	var n int64
	if err := c.QueryRow(ctx, "SELECT n FROM progress").Scan(&n); err != nil && err != pgx.ErrNoRows {
		return 0, err
	}
	return time.Duration(max(written-n, 0)) * time.Second / time.Duration(*rate), nil
}

// await waits until the view is so near to the source.
func (d *database) await(ctx context.Context, c *pgx.Conn, near time.Duration) (time.Duration, error) {
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(2 * time.Millisecond) {
		b, err := d.behind(ctx, c)
		if stillCreated(err) {
			b, err = near+1, nil
		}
		if err != nil || b <= near {
			return b, err
		}
		if time.Now().After(deadline) {
			return b, fmt.Errorf("the view is still %v behind its source", b)
		}
	}
}

// check stops the source: each of its rows must have been counted once.
func (d *database) check(ctx context.Context) error {
	if err := d.feed.stop(); err != nil {
		return err
	}
	c, err := d.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	if _, err := d.await(ctx, c, 0); err != nil {
		return err
	}
	var n, newest int64
	if err := c.QueryRow(ctx, "SELECT n, newest FROM progress").Scan(&n, &newest); err != nil {
		return err
	}
	if want := d.feed.written.Load(); n != want || newest != want-1 {
		return fmt.Errorf("the source has %d rows, the view counted %d, the newest %d", want, n, newest)
	}
	return nil
}
