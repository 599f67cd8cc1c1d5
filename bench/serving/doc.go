// Command serving measures reads of a materialized view as pgbench does those of a
// table: look-ups by its primary key by 1, 8 and 16 clients, over the simple
// protocol and prepared, and scans, beside PostgreSQL's materialized view with a
// unique index, in turns in one run; and the look-ups again while a source streams
// rows through other views.
//
//	go run ./bench/serving [-clients 1,8,16] [-keys 100000] [-for 2s] [-rounds 3] [-ingest 200000] [-json FILE]
package main
