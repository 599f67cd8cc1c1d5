// Command batch measures SELECTs over stored data: the 22 queries of TPC-H and
// those of a wide table of page views, beside PostgreSQL and DuckDB.
//
//	go run ./bench/batch [-scale 0.05] [-hits 200000] [-queries q01,c07] [-rounds 3] [-keep DIR] [-json FILE]
//
// All servers are processes of their own that the command starts, one that is not
// installed is left out: streamdb is built from the tree; PostgreSQL runs with
// its defaults in a cluster of its own, analysed; DuckDB is the npm package in bench/internal/servers/duckdb (npm install, once). All
// get the same rows, which are made here after the rules of TPC-H and with the
// skew that page views have. Servers take turns query by query; a measurement runs
// the query until it has taken -least, and counts the milliseconds a run took and the
// CPU time that the server's processes spent. Answers are compared, numbers to six
// digits.
package main
