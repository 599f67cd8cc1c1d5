package engine_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Subscriptions. A follower adds up what it is told about a table or view. After
// each step it must come to what a SELECT gives; and at each progress row between
// two checks it has what was there before the step or what is there after it, if
// the step is one commit. It comes back after a stop of the server, and when its
// relation's job starts anew, with a snapshot again.

// lawFollow begins to follow a relation.
type lawFollow struct {
	rel string
	how string // "stream", "cursor", "changes" (a cursor without a snapshot) or "copy"
}

func (a *lawFollow) String() string { return "-- a subscriber: " + a.how + " of " + a.rel }

func (a *lawFollow) do(ctx context.Context, r *lawRunner) error {
	f := &lawFollower{rel: a.rel, how: a.how}
	r.follows = append(r.follows, f)
	return f.begin(ctx, r)
}

// lawFollower is a subscriber.
type lawFollower struct {
	rel, how string
	cancel   context.CancelFunc
	ended    chan struct{} // closed when the subscription has ended

	mu    sync.Mutex
	err   error
	oids  []uint32
	sum   map[string]int
	at    int64    // the time of the last progress row
	marks []string // what there was at each progress row since the last check, without repetitions
	last  string   // what there was at the last check
}

// begin subscribes.
func (f *lawFollower) begin(ctx context.Context, r *lawRunner) error {
	f.sum, f.at, f.marks, f.last, f.err = map[string]int{}, -1, nil, "", nil
	now := lawExec(ctx, r.conn, "select * from "+f.rel)
	if now.code != "" {
		f.cancel = nil
		return nil // it is not there; the check says what that means
	}
	is, err := r.conn.Prepare(ctx, "", "select * from "+f.rel, nil) // results without rows have no types here
	if err != nil {
		return r.differs(f.rel, "subscribe", "%v", err)
	}
	f.oids = nil
	for _, d := range is.Fields {
		f.oids = append(f.oids, d.DataTypeOID)
	}
	conn, err := pgconn.Connect(ctx, r.srv.url())
	if err != nil {
		return r.differs(f.rel, "subscribe", "%v", err)
	}
	// The context of a step ends with the step.
	ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	f.ended = make(chan struct{})
	read := f.stream
	switch f.how {
	case "cursor", "changes":
		with := "progress"
		if f.how == "changes" {
			with = "progress, snapshot = false"
			for _, row := range now.results[0].Rows {
				f.sum[f.row(row)]++
			}
			f.mark()
		}
		if a := lawExec(ctx, conn, "begin; declare c cursor for subscribe "+f.rel+" with ("+with+")"); a.code != "" {
			f.cancel()
			conn.Close(ctx)
			f.cancel = nil
			return r.differs(f.rel, "subscribe", "%s %s", a.code, a.message)
		}
		read = f.cursor
	case "copy":
		read = f.copied
	}
	go func() {
		err := read(ctx, conn)
		f.mu.Lock()
		f.err = err
		f.mu.Unlock()
		closing, cancel := context.WithTimeout(context.Background(), time.Second)
		conn.Close(closing)
		cancel()
		close(f.ended)
	}()
	return nil
}

// end ends the subscription, which may be gone already.
func (f *lawFollower) end() {
	if f.cancel != nil {
		f.cancel()
		<-f.ended
		f.cancel = nil
	}
}

// row is a row of the relation as a line, as lawRows has it.
func (f *lawFollower) row(row [][]byte) string {
	res := &pgconn.Result{Rows: [][][]byte{row}}
	for _, oid := range f.oids {
		res.FieldDescriptions = append(res.FieldDescriptions, pgconn.FieldDescription{DataTypeOID: oid})
	}
	return lawRows(res, true)[0]
}

// mark notes what there is at the end of an epoch.
func (f *lawFollower) mark() {
	if s := strings.Join(lawSpread(f.sum), "\n"); len(f.marks) == 0 || f.marks[len(f.marks)-1] != s {
		f.marks = append(f.marks, s)
	}
}

// told takes a row of the subscription: time, progressed, diff, the relation's.
func (f *lawFollower) told(row [][]byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, err := strconv.ParseInt(string(row[0]), 10, 64)
	if err != nil {
		return err
	}
	if string(row[1]) == "t" {
		if at <= f.at {
			return fmt.Errorf("the progress row of %d comes after that of %d", at, f.at)
		}
		for line, n := range f.sum {
			if n < 0 {
				return fmt.Errorf("at %d there is %d times (%s)", at, n, line)
			}
		}
		f.at = at
		f.mark()
		return nil
	}
	diff, err := strconv.Atoi(string(row[2]))
	if err != nil {
		return err
	}
	if at < f.at {
		return fmt.Errorf("a row of %d comes after the progress row of %d", at, f.at)
	}
	line := f.row(row[3:])
	if f.sum[line] += diff; f.sum[line] == 0 {
		delete(f.sum, line)
	}
	return nil
}

func (f *lawFollower) stream(ctx context.Context, conn *pgconn.PgConn) error {
	res := conn.Exec(ctx, "subscribe "+f.rel+" with (progress)")
	defer res.Close()
	for res.NextResult() {
		rows := res.ResultReader()
		for rows.NextRow() {
			if err := f.told(rows.Values()); err != nil {
				return err
			}
		}
		if _, err := rows.Close(); err != nil {
			return err
		}
	}
	return res.Close()
}

func (f *lawFollower) cursor(ctx context.Context, conn *pgconn.PgConn) error {
	for {
		res, err := conn.Exec(ctx, "fetch 100 c with (timeout = '100ms')").ReadAll()
		if err != nil {
			return err
		}
		for _, row := range res[0].Rows {
			if err := f.told(row); err != nil {
				return err
			}
		}
	}
}

func (f *lawFollower) copied(ctx context.Context, conn *pgconn.PgConn) error {
	r, w := io.Pipe()
	copied := make(chan error, 1)
	go func() {
		_, err := conn.CopyTo(ctx, w, "copy (subscribe "+f.rel+" with (progress)) to stdout")
		w.Close()
		copied <- err
	}()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<24)
	unescape := strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r", `\b`, "\b", `\f`, "\f", `\v`, "\v")
	var bad error
	for lines.Scan() && bad == nil {
		var row [][]byte
		for _, cell := range strings.Split(lines.Text(), "\t") {
			if cell == `\N` {
				row = append(row, nil)
				continue
			}
			row = append(row, []byte(unescape.Replace(cell)))
		}
		bad = f.told(row)
	}
	r.CloseWithError(errors.Join(bad, io.EOF))
	if err := <-copied; bad == nil {
		return err
	}
	return bad
}

// checkFollowers holds what the followers were told against the relations. one:
// since the last check there was one commit at most.
func (r *lawRunner) checkFollowers(ctx context.Context, one bool) error {
	var left []*lawFollower
	for _, f := range r.follows {
		now := lawExec(ctx, r.conn, "select * from "+f.rel)
		if now.code == "slow" {
			return errLawSlow
		}
		if now.code != "" || len(now.results[0].Rows) > lawMaxRows { // dropped
			f.end()
			continue
		}
		left = append(left, f)
		if err := f.check(ctx, r, strings.Join(lawRows(now.results[0], true), "\n"), one); err != nil {
			return err
		}
	}
	r.follows = left
	return nil
}

func (f *lawFollower) check(ctx context.Context, r *lawRunner, want string, one bool) error {
	r.checked++
	var marks []string
	for began := time.Now(); ; time.Sleep(500 * time.Microsecond) {
		over := f.cancel == nil
		select {
		case <-f.ended:
			over = true
		default:
		}
		f.mu.Lock()
		err, got := f.err, ""
		marks = f.marks
		if n := len(marks); n > 0 {
			got = marks[n-1]
		}
		reached := len(marks) > 0 && got == want
		f.mu.Unlock()
		var pe *pgconn.PgError
		switch {
		case over && (err == nil || errors.As(err, &pe) && pe.Code == "55000"): // its job has begun anew
			f.end()
			if err := f.begin(ctx, r); err != nil {
				return err
			}
			if f.cancel == nil {
				return nil
			}
		case over:
			return r.differs(f.rel, "subscribe", "%s: %v", f.how, err)
		case reached:
			return f.atomic(r, marks, want, one)
		}
		if time.Since(began) > 20*time.Second {
			return r.differs(f.rel, "subscribe", "%s, %d progress rows:\n%s", f.how, len(marks), lawDiff(lawLines(got), lawLines(want), "the subscriber", "the relation"))
		}
	}
}

// atomic looks at what there was between two checks.
func (f *lawFollower) atomic(r *lawRunner, marks []string, want string, one bool) error {
	for _, m := range marks {
		if one && f.last != "" && m != f.last[1:] && m != want {
			return r.differs(f.rel, "subscribe", "%s, in the middle of a commit:\n%s", f.how, lawDiff(lawLines(m), lawLines(want), "the subscriber", "the relation"))
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.marks = slices.Clone(f.marks[len(marks)-1:])
	f.last = "=" + want // not "": there was a check
	return nil
}

func lawLines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// follow begins a subscription to a table or materialized view.
func (g *lawGen) follow() []lawStep {
	rel := lawPick(g, g.rels...)
	if lawKind(rel) == "view" {
		return nil
	}
	return []lawStep{{act: &lawFollow{rel.name, lawPick(g, "stream", "cursor", "changes", "copy")}}}
}

// once reports that a step is one commit at most.
func (s lawStep) once() bool {
	switch s.act.(type) {
	case nil, *lawOwn, *lawTxn:
		return s.halt == "" && s.pass == 0 && s.while == nil
	}
	return false
}
