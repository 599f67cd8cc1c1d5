// Command nexmark runs the queries q0 to q22 of the Nexmark benchmark through a
// server's socket, each beside a hand-written loop of the same query over the same
// events, and prints how near the server comes to what the loop could do.
//
//	go run ./bench/nexmark -queries all -checkpoints off,1s,100ms -variants sink,view -parallelism 1,2 -json docs/performance/nexmark.json
//	go run ./bench/nexmark -overhead 12 -json docs/performance/nexmark-overhead.json
//	go run ./bench/nexmark -peers -events 1087000 -json docs/performance/nexmark-peers.json
//	go run ./bench/nexmark -soak 10m -queries q5,q8
//	go run ./bench/nexmark -print-ddl; go run ./bench/nexmark -print-queries
//
// # Events
//
// An event is a person, an auction or a bid, 1 : 3 : 46. The server's sources make
// them in its own process by the rules of nexmark-flink (connector/nexmark): half of
// the bids on the hot auction, three quarters by the hot bidder, half over one of
// four hot channels, the others over one of 10,000, each with a url of its own;
// prices 10^(6u) * 100; item names, descriptions, addresses and the padding extra
// are fresh random letters for every row, which bring a bid to 100, an auction to 500
// and a person to 200 bytes on average. Event time advances by 10,000 events a
// second. Flink's own generator with first-event.rate and next-event.rate 10,000,
// events.num as here and no limit of its speed makes such events.
//
// # Queries
//
// queries/q0.sql to q22.sql are nexmark-flink's queries in this dialect: names with
// _ in place of capitals, table functions without TABLE and DESCRIPTOR, to_char for
// DATE_FORMAT, regexp_match for REGEXP_EXTRACT, split_part for SPLIT_INDEX. q14's
// count_char is length() minus length() without the letter. q10 goes into a
// blackhole sink like the others, not to files. q6, which Flink does not run, has id
// as the second key of its order. The sources have Flink's watermark of four
// seconds. side_input of q13 has 10,000 rows. -print-queries and -print-ddl print
// what is run.
//
// # Measurements
//
// Every measurement is a process of its own, so memory, CPU and GC are those of one
// query. It ends when all rows of the sources have been handled and, with
// checkpoints, a last checkpoint has made them visible and durable; without, the
// work of the one checkpoint at the end is shown apart (flush). Queries that do
// little get more events, so that a run takes some seconds and has checkpoints (weight
// in queries.go). A process runs on as many cores as
// there are instances of parallel fragments, one for the loops (-cores says
// otherwise). Where there are several instances the sources have a split for each. Medians of -rounds rounds, which
// take turns.
//
// The ceiling, in events per second of CPU, is
// 1/(1/loop + 1/gen + r/1.5M). loop is the hand-written loop over columns in memory,
// gen the making of the columns that the query reads, into memory that is used
// again, both measured in the same run; r is the rows of state that have to be
// persisted for an event, 0 without checkpoints, more where a view stores the
// result. The share of it is taken by CPU time, which other load on the machine
// changes little. Loops are the best algorithms that we know for a query;
// where a query keeps whole rows as state (q9, q18, q19, q20), they do too.
package main
