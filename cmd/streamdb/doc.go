// Command streamdb is the server: it reads the configuration, opens the
// database, serves Postgres clients and ends in order. It holds no logic of the
// database: see packages engine and wire.
//
// Exit codes: 0 after SIGINT or SIGTERM when everything was closed in order, 2
// for a configuration that cannot be used, 1 for every other failure.
package main
