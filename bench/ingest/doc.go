// Command ingest measures how fast rows come in, beside PostgreSQL with its default
// settings (fsync is on) in the same run, in turns: INSERT of single rows from
// several clients, each its own transaction, and COPY of many rows. In streamdb a
// materialized view that groups the rows hangs on the table: what is acknowledged is
// durable and in the view, which is checked. PostgreSQL has the table with its
// primary key alone.
//
//	go run ./bench/ingest [-only insert|copy] [-clients 16] [-for 3s] [-rows 1000000] [-rounds 3] [-json FILE]
package main
