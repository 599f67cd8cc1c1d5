package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	bankTransfers = flag.Int("bank.transfers", 3000, "transfers of TestBank")
	bankKills     = flag.Int("bank.kills", 2, "kills during TestBank")
)

const bankAccounts = 10

// bankReads all give zero in every epoch: money only moves. What they read was
// moved by UPDATEs, by rows of a ledger, and by a sink.
var bankReads = []string{
	"select coalesce(sum(balance), 0)::bigint from accounts",
	"select total::bigint from total",
	"select coalesce(sum(balance), 0)::bigint from balances",
	"select coalesce(sum(coalesce(b.balance, 0) - a.balance), 0)::bigint from accounts a left join balances b on a.id = b.id",
	"select coalesce(sum(balance), 0)::bigint from mirror",
	"select coalesce(sum(balance), 0)::bigint from ranked",
}

// TestBank moves money between accounts, by transactions of two UPDATEs and by
// rows of a ledger, while the server is killed and started with another
// parallelism. Every SELECT of tables, views and a sink's table sums up to zero, and
// so does what a subscription has given at the end of each epoch; in the end the
// ledger has what was acknowledged.
func TestBank(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 7))
	s := newServer(t, "-log-level", "warn", "-parallelism", "2")
	s.start()
	c := s.connect()
	for _, sql := range []string{
		"create table accounts (id int primary key, balance bigint)",
		"create table ledger (transfer bigint primary key, source int, target int, amount bigint)",
		"create materialized view total as select coalesce(sum(balance), 0) as total from accounts",
		`create materialized view balances as select id, sum(amount) as balance from (
			select target as id, amount from ledger union all select source, -amount from ledger) m group by id`,
		"create materialized view ranked as select id, balance, rank() over (order by balance desc, id) as place from balances",
		"create table mirror (id int primary key, balance bigint)",
		"create sink mirroring into mirror as select id, balance from accounts",
	} {
		s.exec(c, sql)
	}
	s.exec(c, "insert into accounts select g, 0 from generate_series(0, $1::int - 1) g", bankAccounts)

	b := &bank{s: s, moved: make(map[int64]bool)}
	var work sync.WaitGroup
	for i := range 24 {
		work.Go(func() { b.client(rand.New(rand.NewPCG(seed, uint64(100+i))), i%2 == 0) })
	}
	work.Go(func() { b.reader(rand.New(rand.NewPCG(seed, 99))) })
	work.Go(b.subscriber)
	for k := range *bankKills {
		for b.done.Load() < int64((k+1)**bankTransfers/(*bankKills+1)) && !t.Failed() {
			time.Sleep(time.Millisecond)
		}
		b.mu.Lock()
		s.kill()
		s.args[slices.Index(s.args, "-parallelism")+1] = strconv.Itoa(1 + rng.IntN(4))
		s.start()
		b.mu.Unlock()
	}
	work.Wait()

	c = s.connect()
	for _, sql := range bankReads {
		if sum, err := readSum(c, sql); err != nil || sum != 0 {
			t.Errorf("in the end: %s: %d, %v", sql, sum, err)
		}
	}
	there := s.counts(c, "select transfer from ledger")
	for id, sure := range b.moved {
		if sure && there["["+strconv.FormatInt(id, 10)+"]"] == 0 && there[strconv.FormatInt(id, 10)] == 0 {
			t.Errorf("transfer %d was acknowledged and is not there", id)
		}
	}
	t.Logf("%d transfers, %d conflicts, %d sums read, %d epochs of the subscription, %d kills",
		b.done.Load(), b.conflicts.Load(), b.sums.Load(), b.epochs.Load(), *bankKills)
	if b.sums.Load() == 0 || b.epochs.Load() == 0 {
		t.Error("nobody has looked")
	}
}

// bank is what the clients share.
type bank struct {
	s         *server
	mu        sync.RWMutex // held for writing while the server is down
	done      atomic.Int64
	next      atomic.Int64
	conflicts atomic.Int64
	sums      atomic.Int64
	epochs    atomic.Int64

	movedMu sync.Mutex
	moved   map[int64]bool // rows of the ledger that were acknowledged
}

func (b *bank) over() bool { return b.done.Load() >= int64(*bankTransfers) || b.s.t.Failed() }

// connected runs fn with connections until the transfers are done; an error of fn
// is forgiven when the server has been killed meanwhile.
func (b *bank) connected(fn func(c *pgx.Conn) error) {
	for !b.over() {
		b.mu.RLock()
		c, err := b.s.tryConnect()
		b.mu.RUnlock()
		if err != nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		err = fn(c)
		var answer *pgconn.PgError
		if errors.As(err, &answer) && answer.Code[:2] != "57" && answer.Code[:2] != "08" {
			b.s.t.Errorf("%v", err)
		}
		c.Close(context.Background())
	}
}

func (b *bank) client(rng *rand.Rand, updates bool) {
	b.connected(func(c *pgx.Conn) error {
		for !b.over() {
			from, to, amount := rng.IntN(bankAccounts), rng.IntN(bankAccounts), 1+rng.IntN(100)
			if from == to {
				continue
			}
			var err error
			if updates {
				err = b.move(c, from, to, amount)
			} else {
				id := b.next.Add(1)
				if _, err = c.Exec(context.Background(), "insert into ledger values ($1, $2, $3, $4)", id, from, to, amount); err == nil {
					b.movedMu.Lock()
					b.moved[id] = true
					b.movedMu.Unlock()
				}
			}
			var answer *pgconn.PgError
			switch {
			case err == nil:
				b.done.Add(1)
			case errors.As(err, &answer) && answer.Code == "40001":
				b.conflicts.Add(1)
			default:
				return err
			}
		}
		return nil
	})
}

// move is a transfer by two statements of one transaction.
func (b *bank) move(c *pgx.Conn, from, to, amount int) error {
	return pgx.BeginFunc(context.Background(), c, func(tx pgx.Tx) error {
		if _, err := tx.Exec(context.Background(), "update accounts set balance = balance - $1 where id = $2", amount, from); err != nil {
			return err
		}
		_, err := tx.Exec(context.Background(), "update accounts set balance = balance + $1 where id = $2", amount, to)
		return err
	})
}

func readSum(c *pgx.Conn, sql string) (sum int64, err error) {
	err = c.QueryRow(context.Background(), sql).Scan(&sum)
	return sum, err
}

func (b *bank) reader(rng *rand.Rand) {
	b.connected(func(c *pgx.Conn) error {
		for !b.over() {
			sql := bankReads[rng.IntN(len(bankReads))]
			sum, err := readSum(c, sql)
			if err != nil {
				return err
			}
			if b.sums.Add(1); sum != 0 {
				b.s.t.Errorf("%s: %d", sql, sum)
			}
		}
		return nil
	})
}

// subscriber follows the balances and sums them up at the end of every epoch.
func (b *bank) subscriber() {
	b.connected(func(c *pgx.Conn) error {
		rows, err := c.Query(context.Background(), "subscribe balances with (progress)", pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			return err
		}
		defer func() {
			c.PgConn().CancelRequest(context.Background())
			rows.Close()
		}()
		var sum int64
		for rows.Next() && !b.over() {
			var at int64
			var progress bool
			var diff, id, balance *int64
			if err := rows.Scan(&at, &progress, &diff, &id, &balance); err != nil {
				return fmt.Errorf("a row of the subscription: %w", err)
			}
			if !progress {
				sum += *diff * *balance
				continue
			}
			if b.epochs.Add(1); sum != 0 {
				b.s.t.Errorf("the subscription at %d sums up to %d", at, sum)
				return nil
			}
		}
		if b.over() {
			return nil
		}
		return rows.Err()
	})
}
