package sim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/connector"
	"streamdb/connector/nexmark"
	"streamdb/types"
	"streamdb/vec"
)

// withOffsets reads a view and the offsets of the splits of a source in one snapshot.
func withOffsets(ctx context.Context, conn *pgconn.PgConn, view, source string) (rows []string, offsets []int, err error) {
	res, err := query(ctx, conn, fmt.Sprintf(`begin; select * from %s; select "offset" from streamdb.source_splits where source = '%s' order by split; commit`, view, source))
	if err != nil {
		return nil, nil, err
	}
	for _, text := range res[1] {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, nil, err
		}
		offsets = append(offsets, n)
	}
	return res[0], offsets, nil
}

// compareSequence: of each split of the sequence exactly the rows below its offset.
func compareSequence(ctx context.Context, conn *pgconn.PgConn, o object) error {
	rows, offsets, err := withOffsets(ctx, conn, o.name, "seq")
	if err != nil {
		return err
	}
	n, sum, last := 0, 0, -1
	for split, offset := range offsets {
		for i := range offset {
			id := i*seqSplits + split
			n, sum, last = n+1, sum+id, max(last, id)
		}
	}
	want := "0|NULL|0|NULL"
	if n > 0 {
		want = fmt.Sprintf("%d|%d|%d|%d", n, sum, n, last)
	}
	return same(fmt.Sprintf("view %s of the sequence up to %v", o.name, offsets), rows, []string{want})
}

// writeLines makes the file of the source lines.
func writeLines(name string) error {
	var b strings.Builder
	for i := range fileLines {
		fmt.Fprintf(&b, "%0*d\n", lineWidth-1, i%50)
	}
	return os.WriteFile(name, []byte(b.String()), 0o600)
}

// compareLines: exactly the lines below the offset.
func compareLines(ctx context.Context, conn *pgconn.PgConn, o object) error {
	rows, offsets, err := withOffsets(ctx, conn, o.name, "lines")
	if err != nil {
		return err
	}
	count := map[int]int{}
	for _, offset := range offsets {
		for i := range offset / lineWidth {
			count[i%50]++
		}
	}
	var want []string
	for n, c := range count {
		want = append(want, fmt.Sprintf("%d|%d", n, c))
	}
	return same(fmt.Sprintf("view %s of the file up to %v", o.name, offsets), rows, want)
}

// bids are all bids of the source, as its view shows them, and where each is.
var bids = sync.OnceValues(func() (out struct {
	rows    []string
	offsets []int64
}, err error) {
	ctx := context.Background()
	d := nexmark.Def()
	cfg := connector.Config{Name: "bid", Options: map[string]string{"nexmark.table.type": "Bid", "nexmark.event.num": strconv.Itoa(bidEvents),
		"nexmark.min.event.gap.in.ns": "0"}}
	if cfg.Schema, err = d.Schema(cfg); err != nil {
		return out, err
	}
	src, err := d.OpenSource(ctx, cfg)
	if err != nil {
		return out, err
	}
	defer src.Close()
	splits, err := src.Splits(ctx)
	if err != nil {
		return out, err
	}
	var cols []int
	c := &connector.Chunk{}
	for _, name := range []string{"auction", "bidder", "price", "date_time"} {
		i := slices.IndexFunc(cfg.Schema, func(c types.Column) bool { return c.Name == name })
		if i < 0 {
			return out, fmt.Errorf("bid has no column %s", name)
		}
		cols = append(cols, i)
		c.Cols = append(c.Cols, vec.NewBuilder(cfg.Schema[i].Type.Layout(), 0))
	}
	reader, err := src.Open(ctx, splits[0], 0, cols)
	if err != nil {
		return out, err
	}
	for !c.Done {
		if err := reader.Read(ctx, c, 1000); err != nil {
			return out, errors.Join(err, reader.Close())
		}
	}
	for i := range c.Offsets {
		var part []string
		for k, b := range c.Cols {
			v := b.Vec()
			part = append(part, types.Format(cfg.Schema[cols[k]].Type, v.Datum(i), nil))
		}
		out.rows = append(out.rows, strings.Join(part, "|"))
	}
	out.offsets = c.Offsets
	return out, reader.Close()
})

// compareBids: exactly the bids below the offset.
func compareBids(ctx context.Context, conn *pgconn.PgConn, o object) error {
	rows, offsets, err := withOffsets(ctx, conn, o.name, "bid")
	if err != nil {
		return err
	}
	all, err := bids()
	if err != nil {
		return err
	}
	var want []string
	for _, offset := range offsets {
		for i, at := range all.offsets {
			if at < int64(offset) {
				want = append(want, all.rows[i])
			}
		}
	}
	return same(fmt.Sprintf("view %s of the bids up to %v", o.name, offsets), rows, want)
}
