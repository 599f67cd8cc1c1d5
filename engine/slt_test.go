package engine_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"streamdb/engine"
	"streamdb/sqllogictest"
)

// sltFiles are the project's own SQL logic tests.
const sltFiles = "../sqllogictest/testdata/slt/*/*.slt"

// TestSLT runs every file over a real socket: as it is, with all work in one
// instance or in four, and with a restart of the database after each statement that changed
// something.
// A record that cannot do with a restart has "skipif restart" before it.
func TestSLT(t *testing.T) {
	variants := []struct {
		name    string
		options engine.Options
		restart bool
		long    bool
	}{
		{name: "default"},
		{name: "parallelism=1", options: engine.Options{Parallelism: 1}, long: true},
		{name: "parallelism=4", options: engine.Options{Parallelism: 4}, long: true},
		{name: "restart", restart: true, long: true},
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
				sqllogictest.RunDir(t, s.url(), sltFiles, func(o *sqllogictest.Options) {
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
			})
		}
	})
}
