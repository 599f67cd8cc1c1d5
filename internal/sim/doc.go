// Package sim runs the whole server in one process over a filesystem in memory
// that can lose power, and holds it to its promises: what was acknowledged is
// there, what was not is there as a whole or not at all, views equal their
// queries, sources go on exactly where they were, sinks have neither gap nor
// repeat.
//
// A run drives a schedule that a seed makes: DDL, DML, transactions, queries and
// subscriptions of several clients. Before every operation on the disk that
// changes something (create, write, sync, rename, link, remove) it takes an image
// of what a power cut at this moment could leave, with what the clients had been
// told by then and what the sinks had delivered. So one run gives as many crash
// points as it has operations. Afterwards each image is opened as a server would
// after the cut, and compared with the model. Some of the images are taken while
// another one is being recovered.
//
// What is not simulated: the network, the operating system, and connectors that
// read or write the outside. Kills of real processes are in cmd/streamdb.
package sim
