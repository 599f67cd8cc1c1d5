package datagen

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"streamdb/connector"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

func config(options ...string) connector.Config {
	cfg := connector.Config{Name: "d", Options: map[string]string{"datagen.rows.per.second": "1000000000"}}
	for i := 0; i < len(options); i += 2 {
		cfg.Options[options[i]] = options[i+1]
	}
	for _, c := range []struct {
		name string
		id   types.ID
	}{{"s", types.Int8}, {"i", types.Int4}, {"f", types.Float8}, {"n", types.Numeric}, {"t", types.Text}, {"b", types.Bool}, {"ts", types.Timestamp}} {
		cfg.Schema = append(cfg.Schema, types.Column{Name: c.name, Type: types.Of(c.id)})
	}
	return cfg
}

func read(t *testing.T, cfg connector.Config, split int, offset int64, rows, max int) []string {
	t.Helper()
	ctx := context.Background()
	src, err := Def().OpenSource(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	splits, err := src.Splits(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cols := []int{0, 1, 2, 3, 4, 5, 6}
	r, err := src.Open(ctx, splits[split], offset, cols)
	if err != nil {
		t.Fatal(err)
	}
	c := &connector.Chunk{Next: offset}
	for _, k := range cols {
		c.Cols = append(c.Cols, vec.NewBuilder(cfg.Schema[k].Type.Layout(), 0))
	}
	for len(c.Offsets) < rows && !c.Done {
		if err := r.Read(ctx, c, max); err != nil {
			t.Fatal(err)
		}
	}
	var out []string
	for i := range c.Offsets {
		var parts []string
		for k, b := range c.Cols {
			v := b.Vec()
			parts = append(parts, types.Format(cfg.Schema[k].Type, v.Datum(i), nil))
		}
		out = append(out, strings.Join(parts, "|"))
	}
	return out
}

func TestReplayAndSplits(t *testing.T) {
	options := []string{"fields.s.kind", "sequence", "fields.s.start", "5", "fields.s.end", "104", "fields.i.min", "-3", "fields.i.max", "3", "fields.t.length", "4", "fields.ts.basetime", "2024-01-02T00:00:00Z"}
	all := read(t, config(options...), 0, 0, 1000, 1000)
	if len(all) != 100 {
		t.Fatalf("%d rows, want the 100 of the sequence", len(all))
	}
	if rest := read(t, config(options...), 0, 40, 1000, 7); !slices.Equal(rest, all[40:]) {
		t.Error("a replay from row 40 differs")
	}
	var three []string
	for split := range 3 {
		three = append(three, read(t, config(append(options, "datagen.split.num", "3")...), split, 0, 1000, 9)...)
	}
	slices.Sort(all)
	slices.Sort(three)
	if !slices.Equal(all, three) {
		t.Error("three splits have other rows than one")
	}
	for _, row := range all {
		f := strings.Split(row, "|")
		var s, i int
		fmt.Sscan(f[0], &s)
		fmt.Sscan(f[1], &i)
		if s < 5 || s > 104 || i < -3 || i > 3 || len(f[4]) != 4 || f[6] < "2024-01-01" || f[6] > "2024-01-02 00:00:00" {
			t.Fatalf("row out of its ranges: %s", row)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct{ option, value, want string }{
		{"fields.s.kind", "sequence", ""},
		{"fields.s.kind", "chaos", "22023"},
		{"fields.x.kind", "random", "22023"},
		{"fields.i.min", "x", "22023"},
		{"fields.i.min", "99999", "22023"},
		{"fields.t.kind", "sequence", "0A000"},
		{"datagen.rows.per.second", "0", "22023"},
		{"fields.ts.max_past", "2 hours", ""},
		{"fields.ts.max_past", "soon", "22007"},
	} {
		if got := sqlerr.Code(Def().Check(config(c.option, c.value))); got != c.want {
			t.Errorf("%s = %s: %s, want %s", c.option, c.value, got, c.want)
		}
	}
}
