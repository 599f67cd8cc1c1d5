package engine_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"streamdb/engine"
)

// TestLastWindow: the watermark of the last rows comes through though none follow,
// and though an instance without splits may have had their barrier before them.
func TestLastWindow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.json")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	srv := serve(t, engine.Options{Parallelism: 2})
	c := srv.connect(t)
	suiteExec(t, c, fmt.Sprintf(`create source s (at timestamp, watermark for at as at - interval '1 minute')
		with (connector = 'file', path = '%s', watermark.idle.timeout = '1 day') format plain encode json`, path))
	suiteExec(t, c, "create materialized view v as select window_start, count(*) as n from tumble(s, at, interval '1 hour') group by window_start emit on window close")
	write := func(minute int) {
		t.Helper()
		if _, err := fmt.Fprintf(f, `{"at": "%s"}`+"\n", lawClock.Add(time.Duration(minute)*time.Minute).Format(longDownTime)); err != nil {
			t.Fatal(err)
		}
	}
	suiteExec(t, c, "alter system set barrier_interval_ms = 10")
	for h := range 40 {
		for range 3 {
			write(60 * h)
			time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond)
		}
		write(60*h + 2)
		awaitRows(t, c, "select count(*) from v", []string{fmt.Sprint(h)})
		if t.Failed() {
			return
		}
	}
}
