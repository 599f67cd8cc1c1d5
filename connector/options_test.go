package connector_test

import (
	"strings"
	"testing"

	"streamdb/connector"
	"streamdb/connector/all"
	"streamdb/internal/sqlerr"
)

func TestCheckOptions(t *testing.T) {
	for _, c := range []struct {
		connector string
		options   map[string]string
		format    string
		code      string
		hint      string
	}{
		{"nexmark", map[string]string{"nexmark.table.type": "Bid"}, "", "", ""},
		{"nexmark", map[string]string{"nexmark.table.type": "Bid", "nexmark.splitnum": "2"}, "", "22023", `"nexmark.split.num"`},
		{"nexmark", map[string]string{"table.type": "Bid"}, "", "22023", `"nexmark.table.type"`},
		{"nexmark", nil, "", "22023", "Person"},
		{"nexmark", map[string]string{"nexmark.table.type": "Bid"}, "PLAIN JSON", "22023", ""},
		{"datagen", map[string]string{"fields.a.kind": "random"}, "PLAIN JSON", "", ""},
		{"file", map[string]string{"path": "/x"}, "PLAIN JSON", "", ""},
		{"file", map[string]string{"path": "/x"}, "", "22023", "FORMAT PLAIN ENCODE JSON"},
		{"file", map[string]string{"path": "/x"}, "PLAIN AVRO", "0A000", "ENCODE CSV"},
	} {
		def, ok := all.Find(c.connector)
		if !ok {
			t.Fatalf("no connector %s", c.connector)
		}
		cfg := connector.Config{Options: c.options}
		cfg.Format, cfg.Encode, _ = strings.Cut(c.format, " ")
		err := connector.CheckOptions(def, cfg, false)
		if sqlerr.Code(err) != c.code {
			t.Errorf("%s %v: %v, want %s", c.connector, c.options, err, c.code)
		}
		if err != nil && !strings.Contains(sqlerr.From(err).Hint, c.hint) {
			t.Errorf("%s %v: hint %q, want %s", c.connector, c.options, sqlerr.From(err).Hint, c.hint)
		}
	}
}
