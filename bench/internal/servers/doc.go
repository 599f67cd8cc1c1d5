// Package servers starts the databases that benches compare, each in processes of
// its own, whose CPU time and memory are told apart from the client's: streamdb,
// built from this tree, and PostgreSQL, if it is installed, with a new cluster and
// its default settings. Who starts a server stops it; it waits for the processes.
package servers
