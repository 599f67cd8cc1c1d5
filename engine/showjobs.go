package engine

import (
	"context"
	"strconv"

	"streamdb/types"
	"streamdb/wire"
)

var jobColumns = textColumns("Id", "Statement", "State", "Progress")

// showJobs is SHOW JOBS: the creations under way.
func showJobs(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
	var rows [][]*string
	for _, o := range s.db.catalog().Objects() {
		if !o.Creating {
			continue
		}
		id, state := strconv.Itoa(int(o.ID)), "CREATING"
		if o.Failed != nil {
			state = "FAILED"
		}
		progress := strconv.FormatInt(s.db.backfillRows(o.ID), 10) + " rows read"
		rows = append(rows, []*string{&id, &o.Definition, &state, &progress})
	}
	return textRows(jobColumns, rows, "SHOW"), nil
}
