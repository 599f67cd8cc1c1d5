package engine_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestClosedWindowsOnce: a source with a watermark is read while its server is
// killed again and again. What EMIT ON WINDOW CLOSE gives has every row once,
// with what it was computed from complete: windows, sessions, and plain rows.
func TestClosedWindowsOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "events.json")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	srv, err := startLawChild(t.Context(), filepath.Join(dir, "db"), 4, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { srv.kill() }()
	run := func(sql string) [][][]byte {
		t.Helper()
		c, err := pgconn.Connect(t.Context(), srv.url())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(t.Context())
		res, err := c.Exec(t.Context(), sql).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return res[len(res)-1].Rows
	}
	run(fmt.Sprintf(`set source_rate_limit = 4000; create source events (id int, who int, at timestamp, watermark for at as at - interval '30 seconds')
		with (connector = 'file', path = '%s') format plain encode json`, path))
	run(`set source_rate_limit = 4000; create materialized view hours as
		select window_start, count(*) as n, sum(id) as s from tumble(events, at, interval '1 hour') group by window_start emit on window close`)
	run(`create materialized view sessions as select who, window_start, window_end, count(*) as n
		from session(events, at, who, interval '5 minutes') group by who, window_start, window_end emit on window close`)
	run("create materialized view plain as select at, id from events emit on window close")
	hours, sessions, rows, last := writeEvents(t, path, 12_000)
	before := 0
	for range 4 {
		time.Sleep(time.Duration(300+rand.IntN(500)) * time.Millisecond)
		if err := srv.kill(); err != nil {
			t.Fatal(err)
		}
		if srv, err = startLawChild(t.Context(), filepath.Join(dir, "db"), 4, time.Now()); err != nil {
			t.Fatal(err)
		}
		if n, _ := strconv.Atoi(string(run("select count(*) from plain")[0][0])); n > before && n < len(rows) {
			before = n
		}
	}
	if before == 0 {
		t.Error("no kill came in between")
	}
	text := func(sql string) string {
		var lines []string
		for _, r := range run(sql) {
			lines = append(lines, string(slices.Concat(joinFields(r)...)))
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	// The last event closes everything before it.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if string(run("select count(*) from plain")[0][0]) == fmt.Sprint(len(rows)) || time.Now().After(deadline) {
			break
		}
	}
	for _, c := range []struct {
		sql  string
		want []string
	}{
		{"select at, id from plain", rows},
		{"select window_start, n, s from hours", hours},
		{"select who, window_start, window_end, n from sessions", sessions},
	} {
		slices.Sort(c.want)
		if got := text(c.sql); got != strings.Join(c.want, "\n") {
			t.Errorf("%s (last event at %s):\n%s", c.sql, last, firstDifference(got, strings.Join(c.want, "\n")))
		}
	}
}

func joinFields(r [][]byte) [][]byte {
	var out [][]byte
	for i, f := range r {
		if i > 0 {
			out = append(out, []byte("|"))
		}
		out = append(out, f)
	}
	return out
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			return fmt.Sprintf("%d lines, want %d; line %d: %q, want %q", len(g), len(w), i, g[min(i, len(g)-1)], w[min(i, len(w)-1)])
		}
	}
	return ""
}

// writeEvents writes events that are at most 20 seconds out of order, and computes
// the closed hours, sessions of five minutes, and rows.
func writeEvents(t *testing.T, path string, n int) (hours, sessions, rows []string, last string) {
	rng := rand.New(rand.NewPCG(1, 2))
	base := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	const layout = "2006-01-02 15:04:05"
	type hour struct{ n, sum int }
	byHour := map[time.Time]*hour{}
	byWho := map[int][]time.Time{}
	var b strings.Builder
	end := base.Add(time.Duration(4*n) * time.Second).Add(2 * time.Hour)
	for i := range n {
		at := base.Add(time.Duration(4*i-rng.IntN(20)) * time.Second)
		who := rng.IntN(100)
		fmt.Fprintf(&b, `{"id": %d, "who": %d, "at": "%s"}`+"\n", i, who, at.Format(layout))
		h := at.Truncate(time.Hour)
		if byHour[h] == nil {
			byHour[h] = &hour{}
		}
		byHour[h].n++
		byHour[h].sum += i
		byWho[who] = append(byWho[who], at)
		rows = append(rows, fmt.Sprintf("%s|%d", at.Format(layout), i))
	}
	fmt.Fprintf(&b, `{"id": %d, "who": -1, "at": "%s"}`+"\n", n, end.Format(layout))
	for h, x := range byHour {
		hours = append(hours, fmt.Sprintf("%s|%d|%d", h.Format(layout), x.n, x.sum))
	}
	for who, ts := range byWho {
		slices.SortFunc(ts, time.Time.Compare)
		for from := 0; from < len(ts); {
			to := from + 1
			for to < len(ts) && ts[to].Sub(ts[to-1]) < 5*time.Minute {
				to++
			}
			sessions = append(sessions, fmt.Sprintf("%d|%s|%s|%d", who, ts[from].Format(layout), ts[to-1].Add(5*time.Minute).Format(layout), to-from))
			from = to
		}
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return hours, sessions, rows, end.Format(layout)
}
