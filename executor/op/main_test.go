package op

import (
	"flag"
	"os"
	"testing"
)

// TestMain makes property tests short: every history opens a store several
// times. For a long run say -rapid.checks=1000.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f != nil && f.Value.String() == f.DefValue {
		if err := f.Value.Set("25"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
