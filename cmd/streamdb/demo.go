package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

const demoCleanup = 5 * time.Second

// demoSetup makes a stream of bids (of the Nexmark benchmark, 10,000 events a
// second) and three views of it. All of it is kept: a second start goes on where
// the first one ended.
var demoSetup = []string{
	`CREATE SCHEMA IF NOT EXISTS demo`,
	`CREATE SOURCE IF NOT EXISTS demo.bid (
		auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, date_time TIMESTAMP, extra VARCHAR
	) WITH (connector = 'nexmark', nexmark.table.type = 'Bid', nexmark.min.event.gap.in.ns = '100000')`,
	`CREATE MATERIALIZED VIEW IF NOT EXISTS demo.total AS
		SELECT count(*) AS bids, max(price) AS highest FROM demo.bid`,
	`CREATE MATERIALIZED VIEW IF NOT EXISTS demo.by_bidder AS
		SELECT bidder, count(*) AS bids, sum(price) AS spent FROM demo.bid GROUP BY bidder`,
	`CREATE MATERIALIZED VIEW IF NOT EXISTS demo.by_window AS
		SELECT window_start, count(*) AS bids
		FROM TUMBLE(demo.bid, date_time, INTERVAL '10 SECONDS') GROUP BY window_start`,
}

// runDemo sets the demo up through an ordinary connection and prints what the
// views hold once a second until ctx is cancelled.
func runDemo(ctx context.Context, addr *net.TCPAddr, out io.Writer) error {
	c, err := pgx.Connect(ctx, fmt.Sprintf("host=%s port=%d user=root dbname=dev application_name=demo sslmode=disable", localHost(addr), addr.Port))
	if err != nil {
		return ignoreEnd(ctx, fmt.Errorf("demo: %w", err))
	}
	defer func() { // the server goes on until a cancelled statement has ended
		c.Close(context.WithoutCancel(ctx))
		select {
		case <-c.PgConn().CleanupDone():
		case <-time.After(demoCleanup):
		}
	}()
	for _, sql := range demoSetup {
		if _, err := c.Exec(ctx, sql); err != nil {
			return ignoreEnd(ctx, fmt.Errorf("demo: %w\nin: %s", err, sql))
		}
	}
	fmt.Fprintf(out, "\nThree views follow a stream of bids: demo.total, demo.by_bidder, demo.by_window.\n"+
		"Look for yourself: %s -c 'SELECT * FROM demo.by_bidder ORDER BY spent DESC LIMIT 5'\n\n", psqlLine(addr))
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var last int64
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		line, bids, err := demoLine(ctx, c, last)
		if err != nil {
			return ignoreEnd(ctx, fmt.Errorf("demo: %w", err))
		}
		last = bids
		fmt.Fprintln(out, line)
	}
}

// demoLine reads the three views in one transaction: one snapshot, in which
// they agree however fast the bids come.
func demoLine(ctx context.Context, c *pgx.Conn, last int64) (line string, bids int64, err error) {
	tx, err := c.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return "", 0, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	var highest *int64
	if err := tx.QueryRow(ctx, `SELECT bids, highest FROM demo.total`).Scan(&bids, &highest); err != nil {
		return "", 0, err
	}
	if highest == nil {
		return "no bids yet", bids, nil
	}
	var ofBidders, bidders int64
	if err := tx.QueryRow(ctx, `SELECT CAST(sum(bids) AS BIGINT), count(*) FROM demo.by_bidder`).Scan(&ofBidders, &bidders); err != nil {
		return "", 0, err
	}
	var start time.Time
	var inWindow int64
	if err := tx.QueryRow(ctx, `SELECT window_start, bids FROM demo.by_window ORDER BY window_start DESC LIMIT 1`).Scan(&start, &inWindow); err != nil {
		return "", 0, err
	}
	agree := "the views agree"
	if ofBidders != bids {
		agree = fmt.Sprintf("THE VIEWS DISAGREE: %d bids by bidder", ofBidders)
	}
	rate := ""
	if last > 0 {
		rate = " (+" + grouped(bids-last) + ")"
	}
	return fmt.Sprintf("%s bids%s by %s bidders, highest %s; window of %s: %s bids; %s", grouped(bids), rate, grouped(bidders),
		grouped(*highest), start.Format("15:04:05"), grouped(inWindow), agree), bids, nil
}

// ignoreEnd drops errors that come of being ended.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// grouped prints a number with commas between its thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
