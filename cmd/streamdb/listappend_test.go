package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/internal/history"
)

var (
	listTxns  = flag.Int("list.txns", 1500, "transactions of TestListAppend")
	listKills = flag.Int("list.kills", 2, "kills during TestListAppend")
)

const (
	listClients = 16
	listKeys    = 12
)

// TestListAppend: clients append to lists and read them, from the table and from a
// view over it, in serializable transactions of several statements, while the
// server is killed. What they saw is checked for strict serializability.
func TestListAppend(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := newServer(t, "-log-level", "warn")
	s.start()
	c := s.connect()
	s.exec(c, "create table lists (k int primary key, v text)")
	s.exec(c, "create materialized view copies as select k, v from lists")
	s.exec(c, "insert into lists select k, '' from generate_series(0, $1::int - 1) k", listKeys)

	run := &listRun{s: s, txns: make([][]history.Txn, listClients+1)}
	var clients sync.WaitGroup
	for i := range listClients {
		clients.Go(func() { run.client(i, rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
	for k := range *listKills {
		run.waitFor(int64((k + 1) * *listTxns / (*listKills + 1)))
		run.mu.Lock()
		s.kill()
		s.start()
		run.mu.Unlock()
	}
	clients.Wait()

	run.last(s.connect())
	var all []history.Txn
	count := map[history.Outcome]int{}
	for _, txns := range run.txns {
		all = append(all, txns...)
		for _, x := range txns {
			count[x.Outcome]++
		}
	}
	t.Logf("%d transactions: %d committed, %d aborted, %d unknown; %d kills",
		len(all), count[history.Committed], count[history.Aborted], count[history.Unknown], *listKills)
	for _, wrong := range history.Check(all) {
		t.Error(wrong)
	}
}

// listRun is the clients' common state.
type listRun struct {
	s     *server
	mu    sync.RWMutex // held for writing while the server is down
	done  atomic.Int64 // transactions that ended
	value atomic.Int64 // of the last append
	txns  [][]history.Txn
}

func (r *listRun) waitFor(n int64) {
	for r.done.Load() < n {
		time.Sleep(time.Millisecond)
	}
}

func (r *listRun) client(id int, rng *rand.Rand) {
	var c *pgx.Conn
	defer func() {
		if c != nil {
			c.Close(context.Background())
		}
	}()
	for r.done.Load() < int64(*listTxns) {
		if c == nil || c.IsClosed() {
			r.mu.RLock()
			c, _ = r.s.tryConnect()
			r.mu.RUnlock()
			if c == nil {
				time.Sleep(10 * time.Millisecond)
				continue
			}
		}
		x := r.one(c, rng)
		x.Client = id
		r.txns[id] = append(r.txns[id], x)
		r.done.Add(1)
	}
}

// one runs a random transaction. What its client knows afterwards: an error
// before COMMIT was sent, or 40001, means that it had no effect.
func (r *listRun) one(c *pgx.Conn, rng *rand.Rand) history.Txn {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	x := history.Txn{Began: time.Now(), Outcome: history.Aborted}
	defer func() { x.Ended = time.Now() }()
	abort := func() history.Txn {
		_, _ = c.Exec(ctx, "rollback")
		x.Ended = time.Now()
		return x
	}
	if _, err := c.Exec(ctx, "begin isolation level serializable"); err != nil {
		return abort()
	}
	table := "lists"
	if rng.IntN(10) == 0 {
		table = "copies" // in a transaction that only reads
	}
	for range 1 + rng.IntN(4) {
		op := history.Op{Key: rng.IntN(listKeys), Append: table == "lists" && rng.IntN(2) == 0}
		if op.Append {
			op.Value = int(r.value.Add(1))
			if _, err := c.Exec(ctx, "update lists set v = v || $1::text where k = $2", fmt.Sprintf(" %d", op.Value), op.Key); err != nil {
				return abort()
			}
		} else {
			var err error
			if op.Read, err = readList(ctx, c, table, op.Key); err != nil {
				return abort()
			}
		}
		x.Ops = append(x.Ops, op)
	}
	_, err := c.Exec(ctx, "commit")
	x.Ended = time.Now()
	var answer *pgconn.PgError
	switch {
	case err == nil:
		x.Outcome = history.Committed
	case errors.As(err, &answer) && answer.Code == "40001":
	default:
		x.Outcome = history.Unknown
	}
	return x
}

func readList(ctx context.Context, c *pgx.Conn, table string, key int) (list []int, err error) {
	var text string
	if err := c.QueryRow(ctx, "select v from "+table+" where k = $1", key).Scan(&text); err != nil {
		return nil, err
	}
	for f := range strings.FieldsSeq(text) {
		n, err := strconv.Atoi(f)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

// last reads all lists when nobody writes any more: what is lost misses there.
func (r *listRun) last(c *pgx.Conn) {
	x := history.Txn{Began: time.Now(), Outcome: history.Committed}
	for k := range listKeys {
		for _, table := range []string{"lists", "copies"} {
			list, err := readList(context.Background(), c, table, k)
			if err != nil {
				r.s.t.Fatal(err)
			}
			x.Ops = append(x.Ops, history.Op{Key: k, Read: list})
		}
	}
	x.Ended = time.Now()
	r.txns[listClients] = []history.Txn{x}
}
