package nexmark

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"streamdb/connector"
	"streamdb/types"
	"streamdb/vec"
)

func config(kind string, more ...string) connector.Config {
	o := map[string]string{"nexmark.table.type": kind, "nexmark.min.event.gap.in.ns": "0"}
	for i := 0; i < len(more); i += 2 {
		o["nexmark."+more[i]] = more[i+1]
	}
	cfg := connector.Config{Name: "t", Options: o}
	cfg.Schema, _ = Def().Schema(cfg)
	return cfg
}

// readAll reads a split from an offset, at most max rows at a time, to its end.
func readAll(t testing.TB, cfg connector.Config, split int, offset int64, max int, cols []int) (rows []string, offsets []int64) {
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
	r, err := src.Open(ctx, splits[split], offset, cols)
	if err != nil {
		t.Fatal(err)
	}
	c := &connector.Chunk{Next: offset}
	for _, k := range cols {
		c.Cols = append(c.Cols, vec.NewBuilder(cfg.Schema[k].Type.Layout(), 0))
	}
	for !c.Done {
		if err := r.Read(ctx, c, max); err != nil {
			t.Fatal(err)
		}
	}
	vs := make([]vec.Vec, len(cols))
	for i, b := range c.Cols {
		vs[i] = b.Vec()
		if vs[i].N != len(c.Offsets) {
			t.Fatalf("column %d has %d rows, there are %d offsets", i, vs[i].N, len(c.Offsets))
		}
	}
	for i := range c.Offsets {
		row := ""
		for j := range vs {
			d := vs[j].Datum(i)
			if vs[j].Layout == types.LInt64 {
				row += fmt.Sprint(d.I, "|")
			} else {
				row += d.S + "|"
			}
		}
		rows = append(rows, row)
	}
	return rows, c.Offsets
}

func all(n int) []int {
	c := make([]int, n)
	for i := range c {
		c[i] = i
	}
	return c
}

func TestProportionsAndReplay(t *testing.T) {
	want := map[string]int{"Person": 200, "Auction": 600, "Bid": 9200}
	for kind, n := range want {
		cfg := config(kind, "event.num", "10000")
		rows, offsets := readAll(t, cfg, 0, 0, 4096, all(len(cfg.Schema)))
		if len(rows) != n {
			t.Errorf("%s: %d rows of 10000 events, want %d", kind, len(rows), n)
		}
		small, _ := readAll(t, cfg, 0, 0, 7, all(len(cfg.Schema)))
		if !slices.Equal(rows, small) {
			t.Errorf("%s: rows depend on the size of chunks", kind)
		}
		mid := len(rows) / 3
		rest, _ := readAll(t, cfg, 0, offsets[mid], 100, all(len(cfg.Schema)))
		if !slices.Equal(rows[mid:], rest) {
			t.Errorf("%s: reading from offset %d differs", kind, offsets[mid])
		}
	}
}

func TestSplitsDealTheSameEvents(t *testing.T) {
	for _, kind := range []string{"Person", "Auction", "Bid"} {
		one, _ := readAll(t, config(kind, "event.num", "5003"), 0, 0, 1000, []int{0, 1})
		var three []string
		for s := range 3 {
			rows, _ := readAll(t, config(kind, "event.num", "5003", "split.num", "3"), s, 0, 1000, []int{0, 1})
			three = append(three, rows...)
		}
		slices.Sort(one)
		slices.Sort(three)
		if !slices.Equal(one, three) {
			t.Errorf("%s: three splits have other rows than one: %d and %d", kind, len(three), len(one))
		}
	}
}

func TestPrunedColumnsAreTheSame(t *testing.T) {
	cfg := config("Bid", "event.num", "500")
	full, _ := readAll(t, cfg, 0, 0, 4096, []int{2, 6})
	one, _ := readAll(t, cfg, 0, 0, 4096, []int{6})
	for i := range full {
		if want := full[i][len(full[i])-len(one[i]):]; want != one[i] {
			t.Fatalf("row %d: extra %q alone, %q beside price", i, one[i], want)
		}
	}
}

// TestShape checks the skew that the queries of the benchmark rely on.
func TestShape(t *testing.T) {
	cfg := config("Bid", "event.num", "1000000")
	ctx := context.Background()
	src, _ := Def().OpenSource(ctx, cfg)
	splits, _ := src.Splits(ctx)
	r, _ := src.Open(ctx, splits[0], 0, []int{0, 1, 2, 3, 6})
	c := &connector.Chunk{}
	for _, k := range []int{0, 1, 2, 3, 6} {
		c.Cols = append(c.Cols, vec.NewBuilder(cfg.Schema[k].Type.Layout(), 0))
	}
	for !c.Done {
		if err := r.Read(ctx, c, 4096); err != nil {
			t.Fatal(err)
		}
	}
	n := float64(len(c.Offsets))
	var hotAuction, hotBidder, hotChannel, price float64
	channel := c.Cols[3].Vec()
	for i := range c.Offsets {
		if (c.Cols[0].I64[i]-firstAuction)%100 == 0 {
			hotAuction++
		}
		if (c.Cols[1].I64[i]-firstPerson)%100 == 1 {
			hotBidder++
		}
		if string(channel.Bytes(i)[:2]) != "ch" {
			hotChannel++
		}
		price += float64(c.Cols[2].I64[i])
	}
	between := func(name string, x, lo, hi float64) {
		if x < lo || x > hi {
			t.Errorf("%s is %.3f, want %.3f to %.3f", name, x, lo, hi)
		}
	}
	between("share of hot auctions", hotAuction/n, .50, .52)
	between("share of hot bidders", hotBidder/n, .74, .77)
	between("share of hot channels", hotChannel/n, .49, .51)
	between("mean price", price/n/1e6, 7.0, 7.5) // 1e8 / (6 ln 10)
	extra := c.Cols[4].Vec()
	between("mean size of extra", float64(len(extra.Data))/n, 66, 69)
}

// TestStringsAreFresh: what the benchmark's generator makes anew for each row is
// another one in each row, with all letters about as often; channels and urls are
// those of 10,004 channels, half of them of the four hot ones.
func TestStringsAreFresh(t *testing.T) {
	for _, c := range []struct {
		kind string
		cols []int
	}{{"Person", []int{2, 3, 7}}, {"Auction", []int{1, 2, 9}}, {"Bid", []int{6}}} {
		for _, col := range c.cols {
			rows, _ := readAll(t, config(c.kind, "event.num", "60000"), 0, 0, 4096, []int{col})
			seen, letters := map[string]bool{}, [256]int{}
			n := 0
			for _, r := range rows {
				seen[r] = true
				for _, b := range []byte(r) {
					if b >= 'a' && b <= 'z' {
						letters[b]++
						n++
					}
				}
			}
			if len(seen) < len(rows)*999/1000 {
				t.Errorf("column %d of %s: %d strings in %d rows", col, c.kind, len(seen), len(rows))
			}
			if name := schemas[map[string]kind{"Person": person, "Auction": auction, "Bid": bid}[c.kind]][col].Name; name == "email_address" || name == "credit_card" {
				continue // with letters and digits that are always there
			}
			for b := 'a'; b <= 'z'; b++ {
				if share := float64(letters[b]) / float64(n); share < .032 || share > .045 {
					t.Errorf("column %d of %s: %.3f of the letters are %c, want about 1/26", col, c.kind, share, b)
				}
			}
		}
	}
	channels := map[string]int{}
	rows, _ := readAll(t, config("Bid", "event.num", "200000"), 0, 0, 4096, []int{3, 4})
	for _, r := range rows {
		channels[r]++
	}
	if len(channels) < 9_990 || len(channels) > 10_004 {
		t.Errorf("%d channels with their urls, want 10,004", len(channels))
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		cfg  connector.Config
		want string
	}{
		{config("Bids"), "22023"},
		{connector.Config{}, "0A000"},
		{config("Bid", "split.num", "0"), "22023"},
		{config("Bid", "event.num", "many"), "22023"},
	} {
		err := Def().Check(c.cfg)
		if got := codeOf(err); got != c.want {
			t.Errorf("%v: %v, want %s", c.cfg.Options, err, c.want)
		}
	}
}

func benchmark(b *testing.B, cols []int) {
	cfg := config("Bid")
	src, _ := Def().OpenSource(context.Background(), cfg)
	splits, _ := src.Splits(context.Background())
	r, _ := src.Open(context.Background(), splits[0], 0, cols)
	c := &connector.Chunk{}
	for _, k := range cols {
		c.Cols = append(c.Cols, vec.NewBuilder(cfg.Schema[k].Type.Layout(), 0))
	}
	b.ReportAllocs()
	rows := 0
	for b.Loop() {
		for i := range c.Cols {
			c.Cols[i].Reset(0)
		}
		c.Offsets = c.Offsets[:0]
		if err := r.Read(context.Background(), c, 4096); err != nil {
			b.Fatal(err)
		}
		rows += len(c.Offsets)
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkBidAllColumns(b *testing.B) { benchmark(b, all(7)) }
func BenchmarkBidIntegers(b *testing.B)   { benchmark(b, []int{0, 1, 2, 5}) }
