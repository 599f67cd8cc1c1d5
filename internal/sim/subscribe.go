package sim

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// pgError is the SQLSTATE of an error; "": it has none.
func pgError(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// subscriber follows a table of the first client: after each epoch the sum of
// what came is a state that the table had, and at the end it is the table.
func (r *run) subscriber(ctx context.Context, srv *server, over chan struct{}) error {
	conn, err := srv.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	seen := map[string]bool{}
	for _, st := range r.s.clients[0] {
		seen[strings.Join(st.after.tables["c0_t0"].lines(), "\n")] = true
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &follower{sum: map[string]int{}}
	var wg sync.WaitGroup
	wg.Go(func() { f.follow(ctx, conn, seen) })
	<-over
	last := strings.Join(r.s.clients[0][len(r.s.clients[0])-1].after.tables["c0_t0"].lines(), "\n")
	for deadline := time.Now().Add(patience); f.get() != last && f.failure() == nil && ctx.Err() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			err = fmt.Errorf("a subscription of c0_t0 sums up to\n%s\nbut the table holds\n%s", f.get(), last)
			break
		}
	}
	cancel()
	wg.Wait()
	return errors.Join(err, f.failure())
}

// follower sums a subscription up.
type follower struct {
	mu   sync.Mutex
	sum  map[string]int
	text string
	err  error
}

func (f *follower) get() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text
}

func (f *follower) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// follow reads until ctx ends.
func (f *follower) follow(ctx context.Context, conn *pgconn.PgConn, seen map[string]bool) {
	res := conn.Exec(ctx, "subscribe c0_t0 with (progress)")
	err := func() error {
		for res.NextResult() {
			for rr := res.ResultReader(); rr.NextRow(); {
				v := rr.Values()
				if string(v[1]) == "t" {
					if err := f.epoch(seen); err != nil {
						return err
					}
					continue
				}
				n, err := strconv.Atoi(string(v[2]))
				if err != nil {
					return err
				}
				f.sum[line(v[3:])] += n
			}
		}
		return nil
	}()
	closed := res.Close()
	if err == nil && ctx.Err() == nil {
		err = closed
	}
	f.mu.Lock()
	f.err = err
	f.mu.Unlock()
}

// epoch is the end of an epoch.
func (f *follower) epoch(seen map[string]bool) error {
	t := []string{}
	for row, n := range f.sum {
		switch {
		case n < 0 || n > 1:
			return fmt.Errorf("a subscription of c0_t0 has a row %d times: %s", n, row)
		case n == 0:
			delete(f.sum, row)
		default:
			t = append(t, row)
		}
	}
	text := sorted(t)
	f.mu.Lock()
	f.text = text
	f.mu.Unlock()
	if !seen[text] {
		return fmt.Errorf("a subscription of c0_t0 sums up to what the table never held:\n%s", text)
	}
	return nil
}
