// Command freshness measures how long it takes from an event's creation until a
// client sees it in a view. A source stamps its rows with the clock as it makes
// them; a client reads the newest stamp that a view of a group by has, again and
// again. First the source runs as fast as it can: that is the maximal load; then at
// 10, 50 and 90 % of it. Each load also tells what barriers and checkpoints took,
// from streamdb.checkpoints.
//
//	go run ./bench/freshness [-load 10,50,90] [-for 5s] [-barrier 20ms] [-checkpoint 1s] [-keys 10000] [-json FILE]
package main
