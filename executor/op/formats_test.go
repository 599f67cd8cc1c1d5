package op

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var rewriteFormats = flag.Bool("rewrite-formats", false, "write testdata/formats anew: when a version is tagged")

// TestFormatsStay: what a tagged version may have stored can be read for ever. An
// operator that is in testdata/formats keeps its name, and its version never falls.
func TestFormatsStay(t *testing.T) {
	const path = "testdata/formats"
	if *rewriteFormats {
		text := fmt.Sprintf("plan %d\ntable %d\n", planVersion, tableFormat)
		for _, k := range kinds {
			text += fmt.Sprintf("%s %d\n", k.kind, k.version)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	for _, line := range lines {
		var name string
		var was int
		if _, err := fmt.Sscanf(line, "%s %d", &name, &was); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		now := 0
		switch k := kindNamed(name); {
		case name == "plan":
			now = planVersion
		case name == "table":
			now = tableFormat
		case k != nil:
			now = k.version
		}
		if now < was {
			t.Errorf("%s was stored in version %d, which is read no more: this version knows %d", name, was, now)
		}
	}
	if len(lines) < 30 {
		t.Errorf("%d lines only", len(lines))
	}
}
