package engine

import (
	"fmt"
	"time"

	"streamdb/catalog"
	"streamdb/catalog/syscat"
	"streamdb/storage"
)

// checkpointsTable: what the last checkpoints cost, epoch by epoch, why they came
// and who was last. Epochs that wait for acks for longer than usual are shown with
// those that they wait for; what is not known of them yet is NULL.
var checkpointsTable = &runtimeTable{
	name: "checkpoints",
	fill: func(db *DB, cat *catalog.Catalog, _ storage.Snapshot, out *syscat.Rows) error {
		for _, e := range db.coord.Epochs() {
			written, sync, task := "log", any(nil), any(nil)
			if e.Ingested {
				written = "files"
			}
			if e.Durable {
				sync = ms(e.Sync)
			}
			if e.Tasks > 0 {
				task = fmt.Sprintf("%d.%d", e.LastTask.Fragment, e.LastTask.Instance)
			}
			out.Add(int64(e.Epoch), e.Trigger, e.Injected, ms(e.Align), ms(e.Flush), ms(e.Seal), ms(e.Queue), ms(e.Sort), ms(e.Write), ms(e.Stall), sync,
				e.Durable, written, e.Rows, e.Bytes, e.Tasks, e.Requests, db.jobName(cat, e.Last), task, ms(e.Interval))
		}
		for _, e := range db.coord.InFlight() {
			if time.Since(e.Injected) > heldUp && len(e.Awaited) > 0 {
				first := fmt.Sprintf("%d.%d", e.Awaited[0].Fragment, e.Awaited[0].Instance)
				out.Add(int64(e.Epoch), nil, e.Injected, ms(time.Since(e.Injected)), nil, nil, nil, nil, nil, nil, nil,
					false, nil, nil, nil, nil, nil, db.heldUpBy(cat, e.Awaited), first, nil)
			}
		}
		return nil
	},
}
