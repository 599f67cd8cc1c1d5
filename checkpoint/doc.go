// Package checkpoint coordinates epochs: it injects barriers into the sources
// of the dataflow, collects the acks of all tasks with their state deltas, and
// makes of each epoch one atomic commit of the store. It follows Flink's rolling
// checkpoints (Carbone et al., "Lightweight Asynchronous Snapshots for
// Distributed Dataflows", 2015).
//
// It knows tasks by their ids only: it sees no operator, no row, no SQL. Three
// goroutines belong to a Coordinator, started by Start and awaited by Close: the
// injector decides when the next barrier comes and injects it, the committer
// commits complete epochs in order, the syncer makes committed epochs durable.
package checkpoint
