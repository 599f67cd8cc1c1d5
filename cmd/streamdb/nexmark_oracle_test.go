package main

import (
	"context"
	"fmt"
	"math/big"
	"testing"

	"streamdb/connector"
	"streamdb/connector/nexmark"
	"streamdb/types"
	"streamdb/vec"
)

// nexmarkOracle holds all events, and answers the chaos views' queries over any
// prefix of them by plain loops.
type nexmarkOracle struct {
	persons  eventColumns // id, name, date_time
	auctions eventColumns // id, seller, category, date_time, expires
	bids     eventColumns // auction, bidder, price, date_time
}

// eventColumns are the rows of one kind: offsets and the columns asked for.
type eventColumns struct {
	offsets []int64
	ints    [][]int64
	texts   []string
}

// prefix is the number of rows with an offset below n.
func (e *eventColumns) prefix(n int64) int {
	lo, hi := 0, len(e.offsets)
	for lo < hi {
		if mid := (lo + hi) / 2; e.offsets[mid] < n {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

func newNexmarkOracle(t *testing.T, events int64) *nexmarkOracle {
	t.Helper()
	return &nexmarkOracle{
		persons:  loadEvents(t, "person", events, "id", "date_time", "name"),
		auctions: loadEvents(t, "auction", events, "id", "seller", "category", "date_time", "expires"),
		bids:     loadEvents(t, "bid", events, "auction", "bidder", "price", "date_time"),
	}
}

func loadEvents(t *testing.T, kind string, events int64, names ...string) (out eventColumns) {
	t.Helper()
	def := nexmark.Def()
	cfg := connector.Config{Name: kind, Options: map[string]string{"nexmark.table.type": kind,
		"nexmark.event.num": fmt.Sprint(events), "nexmark.min.event.gap.in.ns": "0"}}
	var err error
	if cfg.Schema, err = def.Schema(cfg); err != nil {
		t.Fatal(err)
	}
	var cols []int
	for _, n := range names {
		for i, c := range cfg.Schema {
			if c.Name == n {
				cols = append(cols, i)
			}
		}
	}
	ctx := context.Background()
	src, err := def.OpenSource(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	splits, err := src.Splits(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r, err := src.Open(ctx, splits[0], 0, cols)
	if err != nil {
		t.Fatal(err)
	}
	out.ints = make([][]int64, len(names))
	next := int64(0)
	for done := false; !done; {
		c := connector.Chunk{Next: next}
		for _, i := range cols {
			c.Cols = append(c.Cols, vec.NewBuilder(cfg.Schema[i].Type.Layout(), 4096))
		}
		if err := r.Read(ctx, &c, 4096); err != nil {
			t.Fatal(err)
		}
		next, done = c.Next, c.Done
		out.offsets = append(out.offsets, c.Offsets...)
		for i, b := range c.Cols {
			v := b.Vec()
			if v.Layout == types.LInt64 {
				out.ints[i] = append(out.ints[i], v.I64...)
				continue
			}
			for k := range v.N {
				out.texts = append(out.texts, string(v.Bytes(k)))
			}
		}
	}
	return out
}

const second = 1_000_000

// view answers a view's query over the first p, a and b events of the sources
// person, auction and bid, as a bag of rows in the view's text form.
func (o *nexmarkOracle) view(name string, p, a, b int64) map[string]int {
	persons, auctions, bids := o.persons.prefix(p), o.auctions.prefix(a), o.bids.prefix(b)
	switch name {
	case "q0":
		return o.q0(bids)
	case "q1":
		return o.q1(bids)
	case "q4":
		return o.q4(auctions, bids)
	case "q5":
		return o.q5(bids)
	case "q7":
		return o.q7(bids)
	default:
		return o.q8(persons, auctions)
	}
}

func (o *nexmarkOracle) q0(bids int) map[string]int {
	total := int64(0)
	for _, p := range o.bids.ints[2][:bids] {
		total += p
	}
	if bids == 0 {
		return map[string]int{"0 -": 1}
	}
	return map[string]int{fmt.Sprint(bids, " ", total): 1}
}

func (o *nexmarkOracle) q1(bids int) map[string]int {
	out := map[string]int{}
	auction, bidder, price, at := o.bids.ints[0], o.bids.ints[1], o.bids.ints[2], o.bids.ints[3]
	for i := range bids {
		if auction[i]%100 == 7 {
			v := price[i] * 908
			out[fmt.Sprintf("%d %d %d.%03d %d.%06d", auction[i], bidder[i], v/1000, v%1000, at[i]/second, at[i]%second)]++
		}
	}
	return out
}

func (o *nexmarkOracle) q4(auctions, bids int) map[string]int {
	id, category, from, until := o.auctions.ints[0], o.auctions.ints[2], o.auctions.ints[3], o.auctions.ints[4]
	if auctions == 0 {
		return map[string]int{}
	}
	first := id[0]
	best := make([]int64, auctions) // ids rise by one; 0: no bid in time
	for i := range bids {
		k := o.bids.ints[0][i] - first
		if k < 0 || k >= int64(auctions) {
			continue
		}
		if at := o.bids.ints[3][i]; at >= from[k] && at <= until[k] {
			best[k] = max(best[k], o.bids.ints[2][i])
		}
	}
	sum, n := map[int64]int64{}, map[int64]int64{}
	for k, p := range best {
		if p > 0 {
			sum[category[k]] += p
			n[category[k]]++
		}
	}
	out := map[string]int{}
	for c := range n {
		out[fmt.Sprint(c, " ", new(big.Rat).SetFrac64(sum[c], n[c]).FloatString(6))]++
	}
	return out
}

func (o *nexmarkOracle) q5(bids int) map[string]int {
	type key struct{ start, auction int64 }
	counts := map[key]int64{}
	for i := range bids {
		at := o.bids.ints[3][i]
		last := at / (2 * second) * (2 * second)
		for start := last; start > at-10*second; start -= 2 * second {
			counts[key{start, o.bids.ints[0][i]}]++
		}
	}
	most := map[int64]int64{}
	for k, n := range counts {
		most[k.start] = max(most[k.start], n)
	}
	out := map[string]int{}
	for k, n := range counts {
		if n == most[k.start] {
			out[fmt.Sprint(k.auction, " ", n, " ", k.start/second)]++
		}
	}
	return out
}

func (o *nexmarkOracle) q7(bids int) map[string]int {
	most := map[int64]int64{} // window end -> price
	price, at := o.bids.ints[2], o.bids.ints[3]
	for i := range bids {
		end := at[i]/(10*second)*(10*second) + 10*second
		most[end] = max(most[end], price[i])
	}
	out := map[string]int{}
	add := func(i int, end int64) {
		if m, ok := most[end]; ok && price[i] == m && at[i] >= end-10*second && at[i] <= end {
			out[fmt.Sprintf("%d %d %d %d.%06d", o.bids.ints[0][i], price[i], o.bids.ints[1][i], at[i]/second, at[i]%second)]++
		}
	}
	for i := range bids {
		end := at[i]/(10*second)*(10*second) + 10*second
		add(i, end)
		add(i, end-10*second) // BETWEEN includes the end of the window before
	}
	return out
}

func (o *nexmarkOracle) q8(persons, auctions int) map[string]int {
	type key struct{ seller, start int64 }
	sells := map[key]bool{}
	for i := range auctions {
		sells[key{o.auctions.ints[1][i], o.auctions.ints[3][i] / (10 * second) * (10 * second)}] = true
	}
	out := map[string]int{}
	seen := map[string]bool{}
	for i := range persons {
		start := o.persons.ints[1][i] / (10 * second) * (10 * second)
		row := fmt.Sprint(o.persons.ints[0][i], " ", o.persons.texts[i], " ", start/second)
		if sells[key{o.persons.ints[0][i], start}] && !seen[row] {
			seen[row] = true
			out[row]++
		}
	}
	return out
}
