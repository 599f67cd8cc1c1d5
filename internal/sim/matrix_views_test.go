package sim

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Splits of the two sources of the matrix, and of the table that is one.
const (
	numsSplits   = 6
	moreSplits   = 3
	latestSplits = 4
)

// matrixSetup is a graph with all that a barrier may meet: two sources with
// several splits, keyed exchanges, a union, a join, windows that change and windows
// that are final, a table that keeps the last record of each key, a subquery whose
// row goes to all instances, a view over a view, and sinks behind each kind.
// fragile fails and slow is stuck where the records are poisoned. No split is ever
// idle: one that back-pressure holds up for longer than the idle time would be, and
// its records late.
var matrixSetup = strings.Split(`
create source nums (split bigint, n bigint, k bigint, at timestamp, e bigint, d bigint, watermark for at as at - interval '5 seconds') with (connector = 'numbered', splits = '6', watermark.idle.timeout = '1 day');
create source more (split bigint, n bigint, k bigint) with (connector = 'numbered', splits = '3');
create table latest (split bigint, k bigint, n bigint, primary key (split, k)) with (connector = 'numbered', splits = '4');
create materialized view keyed as select split, k, count(*) as c, sum(n) as s, max(n) as m from nums group by split, k;
create materialized view united as select tag, split, k, count(*) as c, sum(n) as s, max(n) as m
	from (select 'a' as tag, split, k, n from nums union all select 'b', split, k, n from more) u group by tag, split, k;
create materialized view pairs as select a.split, a.n, a.k + b.k as k from nums a join more b on a.split = b.split and a.n = b.n;
create materialized view paired as select split, count(*) as c, sum(n) as s, max(n) as m from pairs group by split;
create materialized view windows as select window_start, k, count(*) as c, sum(n) as s from tumble(nums, at, interval '20 seconds') group by window_start, k;
create materialized view closed as select window_start, k, count(*) as c, sum(n) as s from tumble(nums, at, interval '20 seconds') group by window_start, k emit on window close;
create materialized view gaps as select split, k, gap, count(*) as c from (select split, k, n - lag(n) over (partition by split, k order by n) as gap from nums) g group by split, k, gap;
create materialized view front as select split, k, n from latest where n >= (select max(n) - 7 from latest);
create materialized view fragile as select split, k, count(*) as c, sum(100 / e) as s from nums group by split, k;
create materialized view slow as select split, count(*) as c from nums, generate_series(1, d) g, generate_series(1, d) h group by split;
create sink raw as select 'a' as tag, split, n from nums with (connector = 'arrivals');
create sink merged as select 'a' as tag, split, n from nums union all select 'b', split, n from more with (connector = 'arrivals');
create sink joined as select 'j' as tag, split, n from pairs with (connector = 'arrivals', order = 'epoch');
create sink changes as select split, k, c, s, m from keyed with (connector = 'arrivals');
create sink finals as select * from closed with (connector = 'arrivals')`, ";\n")

// sinkSplits are the splits of each tag that the sinks of records bring.
var sinkSplits = map[string]map[string]int{
	"raw":    {"a": numsSplits},
	"merged": {"a": numsSplits, "b": moreSplits},
	"joined": {"j": moreSplits},
}

// oneKey is what the records below limit of a split and key amount to.
type oneKey struct{ c, s, m int64 }

func (o oneKey) String() string { return fmt.Sprintf("%d|%d|%d", o.c, o.s, o.m) }

// ofKey computes it without reading them one by one: they are an arithmetic series.
func ofKey(split, k, limit int64) oneKey {
	first := ((k-split)%keyCount + keyCount) % keyCount
	if first >= limit {
		return oneKey{}
	}
	c := (limit - first + keyCount - 1) / keyCount
	return oneKey{c: c, s: c*first + keyCount*c*(c-1)/2, m: first + keyCount*(c-1)}
}

// expected is what each view holds when all records below limit have been read:
// computed from the records, one by one.
func expected(limit int64) map[string][]string {
	out := map[string][]string{}
	keys := func(view, tag string, splits int64, text func(split, k int64, o oneKey) string) {
		for split := range splits {
			sums := map[int64]oneKey{}
			for n := range limit {
				k := keyOf(split, n)
				o := sums[k]
				sums[k] = oneKey{o.c + 1, o.s + n, n}
			}
			for k, o := range sums {
				out[view] = append(out[view], tag+text(split, k, o))
			}
		}
	}
	all := func(split, k int64, o oneKey) string { return fmt.Sprintf("%d|%d|%v", split, k, o) }
	keys("keyed", "", numsSplits, all)
	keys("united", "a|", numsSplits, all)
	keys("united", "b|", moreSplits, all)
	keys("fragile", "", numsSplits, func(split, k int64, o oneKey) string { return fmt.Sprintf("%d|%d|%d|%d", split, k, o.c, 100*o.c) })
	keys("gaps", "", numsSplits, func(split, k int64, _ oneKey) string { return fmt.Sprintf("%d|%d|NULL|1", split, k) })
	keys("gaps", "", numsSplits, func(split, k int64, o oneKey) string { return fmt.Sprintf("%d|%d|%d|%d", split, k, keyCount, o.c-1) })
	keys("latest", "", latestSplits, func(split, k int64, o oneKey) string { return fmt.Sprintf("%d|%d|%d", split, k, o.m) })
	keys("front", "", latestSplits, func(split, k int64, o oneKey) string { return fmt.Sprintf("%d|%d|%d", split, k, o.m) })
	for split := range int64(numsSplits) {
		out["slow"] = append(out["slow"], fmt.Sprintf("%d|%d", split, limit))
	}
	for split := range int64(moreSplits) {
		out["paired"] = append(out["paired"], fmt.Sprintf("%d|%d|%d|%d", split, limit, limit*(limit-1)/2, limit-1))
	}
	windows, last := map[[2]int64]oneKey{}, int64(0)
	for split := range int64(numsSplits) {
		for n := range limit {
			last = max(last, eventOf(n))
			at := [2]int64{eventOf(n) / 20 * 20, keyOf(split, n)}
			o := windows[at]
			windows[at] = oneKey{c: o.c + 1, s: o.s + n}
		}
	}
	for at, o := range windows {
		row := fmt.Sprintf("%s|%d|%d|%d", eventBase.Add(time.Duration(at[0])*time.Second).Format(time.DateTime), at[1], o.c, o.s)
		out["windows"] = append(out["windows"], row)
		if at[0]+20 <= last-5 {
			out["closed"] = append(out["closed"], row)
		}
	}
	return out
}

// prefixViews are views whose rows tell up to which record of each split they have
// counted, with how many of their columns name the split.
var prefixViews = []struct {
	query string
	named int
}{
	{"select split, k, c, s, m from keyed", 1},
	{"select tag, split, k, c, s, m from united", 2},
	{"select split, k, 0, 0, n from latest", 1},
	{"select split, -1, c, s, m from paired", 1},
}

// checkPrefix reads a view while records come, fail and come again. Whatever epoch
// it is of: of each split it holds exactly the records up to one.
func checkPrefix(ctx context.Context, conn *pgconn.PgConn, at int) error {
	v := prefixViews[at]
	res, err := query(ctx, conn, v.query)
	if err != nil {
		return err
	}
	limits, rows := map[string]int64{}, map[string]map[int64]oneKey{}
	for _, text := range res[0] {
		parts := strings.Split(text, "|")
		split := strings.Join(parts[:v.named], "|")
		var x [4]int64
		for i, p := range parts[v.named:] {
			if x[i], err = strconv.ParseInt(p, 10, 64); err != nil {
				return fmt.Errorf("%s gives %s: %w", v.query, text, err)
			}
		}
		if rows[split] == nil {
			rows[split] = map[int64]oneKey{}
		}
		rows[split][x[0]] = oneKey{x[1], x[2], x[3]}
		limits[split] = max(limits[split], x[3]+1)
	}
	for split, got := range rows {
		id, _ := strconv.ParseInt(split[strings.LastIndexByte(split, '|')+1:], 10, 64)
		want, limit := map[int64]oneKey{}, limits[split]
		for k := range int64(keyCount) {
			if o := ofKey(id, k, limit); o.c > 0 {
				want[k] = o
			}
		}
		if o, whole := got[-1]; whole {
			want = map[int64]oneKey{-1: {limit, limit * (limit - 1) / 2, limit - 1}}
			got = map[int64]oneKey{-1: o}
		}
		for k, o := range want {
			if g := got[k]; g != o && (g.c != 0 || g.m != o.m) { // latest does not count
				return fmt.Errorf("%s: split %s holds record %d, but of key %d it has (%v) in place of (%v)", v.query, split, limit-1, k, g, o)
			}
		}
		if len(got) != len(want) {
			return fmt.Errorf("%s: split %s has keys %v, and should have %v", v.query, split, got, want)
		}
	}
	return nil
}
