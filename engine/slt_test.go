package engine_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"streamdb/engine"
	"streamdb/sqllogictest"
)

// sltRoot holds the project's own SQL logic tests, a folder an area.
const sltRoot = "../sqllogictest/testdata/slt"

// sltClock is where the clock stands when a file of the folder "time" begins:
// each has a server of its own, as it moves the clock.
var sltClock = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// TestSLT runs every file over a real socket: as it is, with all work in one
// instance or in four, and with a restart of the database after each statement that changed
// something.
// A record that cannot do with a restart has "skipif restart" before it.
func TestSLT(t *testing.T) {
	variants := []sltVariant{
		{name: "default"},
		{name: "parallelism=1", options: engine.Options{Parallelism: 1}, long: true},
		{name: "parallelism=4", options: engine.Options{Parallelism: 4}, long: true},
		{name: "cached", options: engine.Options{}.WithEagerCache(), long: true},
		{name: "restart", restart: true, long: true},
	}
	areas, err := os.ReadDir(sltRoot)
	if err != nil {
		t.Fatal(err)
	}
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("files", func(t *testing.T) { // ends when all variants have ended
		for _, v := range variants {
			t.Run(v.name, func(t *testing.T) {
				if v.long && testing.Short() {
					t.Skip("-short")
				}
				t.Parallel()
				s := serve(t, v.options)
				for _, area := range areas {
					switch {
					case area.Name() == "time":
						v.timeFiles(t)
					case area.IsDir():
						t.Run(area.Name(), func(t *testing.T) { v.run(t, s, filepath.Join(sltRoot, area.Name(), "*.slt")) })
					}
				}
			})
		}
	})
}

// sltVariant is one way of running all files.
type sltVariant struct {
	name    string
	options engine.Options
	restart bool
	long    bool
}

// run runs files against a server.
func (v sltVariant) run(t *testing.T, s *server, files string) {
	sqllogictest.RunDir(t, s.url(), files, func(o *sqllogictest.Options) {
		o.AllowSystem = true
		o.URLFunc = s.url
		o.Timeout = 20 * time.Second
		o.Labels = []string{"streamdb"}
		if v.long {
			o.Rewrite = false
		}
		if v.restart {
			o.Labels = append(o.Labels, "restart")
			o.AfterStatement = s.restartIfChanged
		}
	})
}

// timeFiles runs the files that move the clock.
func (v sltVariant) timeFiles(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sltRoot, "time", "*.slt"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files of the folder time: ", err)
	}
	v.options.TestClock = sltClock
	for _, f := range files {
		t.Run("time", func(t *testing.T) { v.run(t, serve(t, v.options), f) })
	}
}
