package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	ackedOps   = flag.Int("acked.ops", 400, "writes of TestAckedIsDurableAndVisible")
	ackedKills = flag.Int("acked.kills", 3, "kills during TestAckedIsDurableAndVisible")
)

// account is a row of the table of TestAckedIsDurableAndVisible.
type account struct{ group, amount int }

// ledger is the model: what the table must hold.
type ledger map[int]account

// view is the model's answer to the view over the join and the aggregate.
func (l ledger) view() map[string]int {
	n, total := map[int]int{}, map[int]int{}
	for _, a := range l {
		n[a.group]++
		total[a.group] += a.amount
	}
	out := map[string]int{}
	for g := range n {
		out[fmt.Sprintf("group%d %d %d", g, n[g], total[g])] = 1
	}
	return out
}

const groups = 5

// TestAckedIsDurableAndVisible: a client writes, and after each acknowledged
// write reads a view over a join and an aggregate of the table. The view is
// never stale and never half applied; a server killed in between has lost no
// acknowledged row, and a write without an answer is there entirely or not at all.
func TestAckedIsDurableAndVisible(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	s := newServer(t, "-log-level", "warn")
	s.start()
	c := s.connect()
	s.exec(c, "CREATE TABLE groups (id int PRIMARY KEY, name varchar)")
	s.exec(c, "CREATE TABLE accounts (id int PRIMARY KEY, grp int, amount int)")
	s.exec(c, `CREATE MATERIALIZED VIEW totals AS SELECT g.name, count(*) AS n, sum(a.amount) AS total
		FROM accounts a JOIN groups g ON a.grp = g.id GROUP BY g.name`)
	for g := range groups {
		s.exec(c, fmt.Sprintf("INSERT INTO groups VALUES (%d, 'group%d')", g, g))
	}
	model := ledger{}
	killAt := map[int]bool{}
	for range *ackedKills {
		killAt[rng.IntN(*ackedOps)] = true
	}
	var took []time.Duration
	for i := range *ackedOps {
		sql, next := write(rng, model)
		var killed chan struct{}
		if killAt[i] {
			killed = make(chan struct{})
			pause := time.Duration(rng.IntN(3000)) * time.Microsecond
			go func() { time.Sleep(pause); s.kill(); close(killed) }()
		}
		begun := time.Now()
		_, err := c.Exec(context.Background(), sql)
		took = append(took, time.Since(begun))
		if killed != nil {
			<-killed
			s.start()
			c = s.connect()
		} else if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if err != nil { // no answer: all or nothing
			if there := s.read(c); maps.Equal(there, next) {
				model = next
			} else if !maps.Equal(there, model) {
				t.Fatalf("after a kill during %s the table is %v; before it was %v, after it would be %v", sql, there, model, next)
			}
		} else {
			model = next
		}
		s.check(c, sql, model)
	}
	slices.Sort(took)
	t.Logf("%d writes, median %v, p99 %v", len(took), took[len(took)/2], took[len(took)*99/100])
	if there := s.read(c); !maps.Equal(there, model) {
		t.Fatalf("at the end the table is %v, want %v", there, model)
	}
}

// write makes a random statement, and what the table is after it.
func write(rng *rand.Rand, l ledger) (string, ledger) {
	next := maps.Clone(l)
	id := rng.IntN(30)
	group, amount := rng.IntN(groups), rng.IntN(100)
	_, there := l[id]
	switch k := rng.IntN(4); {
	case !there:
		other := 100 + id
		next[id] = account{group, amount}
		next[other] = account{group, -amount}
		if _, twice := l[other]; twice {
			delete(next, other)
			next[other] = l[other]
			return fmt.Sprintf("INSERT INTO accounts VALUES (%d, %d, %d)", id, group, amount), next
		}
		return fmt.Sprintf("INSERT INTO accounts VALUES (%d, %d, %d), (%d, %d, %d)", id, group, amount, other, group, -amount), next
	case k == 0:
		delete(next, id)
		return fmt.Sprintf("DELETE FROM accounts WHERE id = %d", id), next
	case k == 1: // moves a whole group
		for i, a := range l {
			if a.group == group {
				next[i] = account{(group + 1) % groups, a.amount + 1}
			}
		}
		return fmt.Sprintf("UPDATE accounts SET grp = %d, amount = amount + 1 WHERE grp = %d", (group+1)%groups, group), next
	default:
		next[id] = account{group, amount}
		return fmt.Sprintf("UPDATE accounts SET grp = %d, amount = %d WHERE id = %d", group, amount, id), next
	}
}

func (s *server) read(c *pgx.Conn) ledger {
	s.t.Helper()
	rows, err := c.Query(context.Background(), "SELECT id, grp, amount FROM accounts")
	if err != nil {
		s.t.Fatal(err)
	}
	out := ledger{}
	for rows.Next() {
		var id int
		var a account
		if err := rows.Scan(&id, &a.group, &a.amount); err != nil {
			s.t.Fatal(err)
		}
		out[id] = a
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *server) check(c *pgx.Conn, after string, model ledger) {
	s.t.Helper()
	rows, err := c.Query(context.Background(), "SELECT name || ' ' || n || ' ' || total FROM totals")
	if err != nil {
		s.t.Fatal(err)
	}
	got := map[string]int{}
	for rows.Next() {
		var row string
		if err := rows.Scan(&row); err != nil {
			s.t.Fatal(err)
		}
		got[row]++
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	if d := difference(got, model.view()); d != "" {
		s.t.Fatalf("the view after %s: %s", after, d)
	}
}

// TestNoLostUpdate: concurrent increments of one row all count.
func TestNoLostUpdate(t *testing.T) {
	s := newServer(t, "-log-level", "warn")
	s.start()
	c := s.connect()
	s.exec(c, "CREATE TABLE counter (id int PRIMARY KEY, n int)")
	s.exec(c, "INSERT INTO counter VALUES (1, 0)")
	const clients, each = 8, 25
	errs := make(chan error, clients)
	for range clients {
		conn := s.connect()
		go func() {
			for range each {
				if _, err := conn.Exec(context.Background(), "UPDATE counter SET n = n + 1 WHERE id = 1"); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range clients {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	var n int
	if err := c.QueryRow(context.Background(), "SELECT n FROM counter").Scan(&n); err != nil || n != clients*each {
		t.Fatalf("counter is %d (%v), want %d", n, err, clients*each)
	}
}
