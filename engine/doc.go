// Package engine is the database: it opens the store, restarts the jobs, serves
// sessions, and runs statements. One file per kind of statement.
//
// DB owns the coordinator and the graph of running jobs; Session is one
// client's conversation and is used by one goroutine. The engine holds no
// operator and no plan rule: it gives the planner a catalog, gives specs to the
// executor, and gives changes to the coordinator as requests that commit
// together with an epoch.
package engine
