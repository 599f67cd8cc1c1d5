package main

import (
	"embed"
	"fmt"
	"strings"
)

// The texts of the queries and of what they read: queries/q0.sql is a query,
// queries/bid.ddl.sql makes a source, with ${GENERATOR} where the generator's
// options go.
//
//go:embed queries/*.sql
var texts embed.FS

// sideRows is the number of rows of side_input.
const sideRows = 10_000

// query is one of the suite.
type query struct {
	name  string
	reads columns // what of the sources: all that a specialist would have generated
	side  bool    // reads side_input too
	loop  func() loop
	// state rows that change for an event when each is counted once a second; wide ones (180 bytes) cost half more.
	state float64
	wide  bool
	// weight multiplies the events of a run, so that it takes some seconds.
	weight int64
	// check is a sum over the rows of the result, as the loop computes it; "" for
	// none. clock: the rows depend on the time of day, only the sum does not.
	check string
	clock bool
}

const (
	wideBid     = "auction bidder price channel url date_time extra"
	bidAndExtra = "auction bidder price date_time extra"
	wideAuction = "id item_name description initial_bid reserve date_time expires seller category extra"
)

var queries = []query{
	{name: "q0", reads: columns{"bid": bidAndExtra}, loop: func() loop { return &q0{} }, weight: 25, check: "sum(price)"},
	{name: "q1", reads: columns{"bid": bidAndExtra}, loop: func() loop { return &q1{} }, weight: 20, check: "sum(price * 1000)"},
	{name: "q2", reads: columns{"bid": "auction price"}, loop: func() loop { return &q2{} }, weight: 50, check: "sum(price)"},
	{name: "q3", reads: columns{"person": "id name city state", "auction": "id seller category"}, loop: newQ3, state: .04, weight: 50, check: "sum(id)"},
	{name: "q4", reads: columns{"auction": "id date_time expires category", "bid": "auction price date_time"}, loop: newQ4, state: .94, weight: 4, check: "sum(floor(avg))"},
	{name: "q5", reads: columns{"bid": "auction date_time"}, loop: newQ5, state: .09, weight: 10, check: "sum(num)"},
	{name: "q6", reads: columns{"auction": "id date_time expires seller category", "bid": "auction bidder price date_time"}, loop: newQ6, state: .94, weight: 3, check: "sum(seller)"},
	{name: "q7", reads: columns{"bid": bidAndExtra}, loop: newQ7, weight: 15, check: "sum(price)"},
	{name: "q8", reads: columns{"person": "id name date_time", "auction": "seller date_time"}, loop: newQ8, state: .04, weight: 50, check: "sum(id)"},
	{name: "q9", reads: columns{"auction": wideAuction, "bid": bidAndExtra}, loop: newQ9, state: .98, weight: 1, check: "sum(price)"},
	{name: "q10", reads: columns{"bid": bidAndExtra}, loop: func() loop { return &q10{} }, weight: 20, check: "sum(length(dt) + length(hm))"},
	{name: "q11", reads: columns{"bid": "bidder date_time"}, loop: newQ11, state: .08, weight: 15, check: "sum(bid_count)"},
	{name: "q12", reads: columns{"bid": "bidder date_time"}, loop: newQ12, state: .08, weight: 15, check: "sum(bid_count)", clock: true},
	{name: "q13", reads: columns{"bid": "auction bidder price date_time"}, side: true, loop: newQ13, weight: 10, check: "sum(length(value))"},
	{name: "q14", reads: columns{"bid": bidAndExtra}, loop: func() loop { return &q14{} }, weight: 12, check: "sum(c_counts)"},
	{name: "q15", reads: columns{"bid": "auction bidder price date_time"}, loop: newQ15, state: .09, weight: 10, check: rankSum},
	{name: "q16", reads: columns{"bid": "auction bidder price channel date_time"}, loop: newQ16, state: 1.10, weight: 2, check: rankSum},
	{name: "q17", reads: columns{"bid": "auction price date_time"}, loop: newQ17, state: .07, weight: 10,
		check: "sum(sum_price + min_price + max_price + rank1_bids + 2 * rank2_bids + 3 * rank3_bids)"},
	{name: "q18", reads: columns{"bid": wideBid}, loop: newQ18, state: .30, wide: true, weight: 2,
		check: "sum(auction + (extract(epoch from date_time) * 1000000)::bigint % 86400000000)"},
	{name: "q19", reads: columns{"bid": wideBid}, loop: newQ19, state: .45, weight: 2, check: "sum(price * rank_number)"},
	{name: "q20", reads: columns{"auction": wideAuction, "bid": wideBid}, loop: newQ20, state: 1, wide: true, weight: 1, check: "sum(price)"},
	{name: "q21", reads: columns{"bid": "auction bidder price channel url"}, loop: func() loop { return &q21{} }, weight: 8, check: "sum(length(channel_id))"},
	{name: "q22", reads: columns{"bid": "auction bidder price channel url"}, loop: func() loop { return &q22{} }, weight: 10, check: "sum(length(dir1) + length(dir2) + length(dir3))"},
}

// rankSum is ranks.weigh of a row.
const rankSum = "sum(total_bids + 2 * rank1_bids + 3 * rank2_bids + 4 * rank3_bids + " +
	"5 * total_bidders + 6 * rank1_bidders + 7 * rank2_bidders + 8 * rank3_bidders + " +
	"9 * total_auctions + 10 * rank1_auctions + 11 * rank2_auctions + 12 * rank3_auctions)"

// persistRate is the state rows that one core writes in a second: 0.6 to 0.8 us for
// each to be sorted, encoded, synced, flushed and compacted.
const persistRate = 1.5e6

// ceiling is the events a second of CPU that the query can reach: the columns are
// made (gen) and handled by the loop (both in events a second of CPU), rows are
// the rows written for an event.
func ceiling(loop, gen, rows float64) float64 { return 1 / (1/loop + 1/gen + rows/persistRate) }

// stored is the rows persisted for an event, in units of narrow ones; results is
// the rows of the result for an event, which a view stores as well.
func (q *query) stored(view bool, results float64) float64 {
	n := q.state
	if view {
		n += results
	}
	if q.wide {
		n *= 1.5
	}
	return n
}

func (q *query) sql() string { return text0("queries/" + q.name + ".sql") }

func text0(path string) string {
	b, err := texts.ReadFile(path)
	if err != nil {
		panic(err) // it is compiled in
	}
	return strings.TrimSpace(string(b))
}

// sources are the tables that a query reads, in the order in which they are made.
func (q *query) sources() []string {
	var names []string
	for _, k := range []string{"person", "auction", "bid"} {
		if q.reads[k] != "" {
			names = append(names, k)
		}
	}
	return names
}

// ddl are the statements that make a table, or a source with a generator of so
// many events (-1: no end) and further options.
func ddl(name string, events int64, generator map[string]string) []string {
	options := fmt.Sprintf("nexmark.event.num = '%d', nexmark.min.event.gap.in.ns = '0'", events)
	for _, k := range sortedKeys(generator) {
		options += fmt.Sprintf(", %s = '%s'", k, generator[k])
	}
	var list []string
	for s := range strings.SplitSeq(strings.ReplaceAll(text0("queries/"+name+".ddl.sql"), "${GENERATOR}", options), ";") {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	return list
}

// create is the statement that starts a query: into a sink that keeps nothing, or
// as a view.
func (q *query) create(view bool) string {
	if view {
		return "CREATE MATERIALIZED VIEW result AS " + q.sql()
	}
	return "CREATE SINK result AS " + q.sql() + " WITH (connector = 'blackhole')"
}

func find(name string) *query {
	for i := range queries {
		if queries[i].name == name {
			return &queries[i]
		}
	}
	return nil
}
