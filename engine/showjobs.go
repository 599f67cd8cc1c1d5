package engine

import (
	"context"
	"strconv"

	"streamdb/types"
	"streamdb/wire"
)

var jobColumns = textColumns("Id", "Statement", "Create Type", "Progress", "State", "Error")

// showJobs is SHOW JOBS: the creations under way, and those that failed and were
// not dropped yet.
func showJobs(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
	var rows [][]*string
	for _, o := range s.db.catalog().Objects() {
		if !o.Creating {
			continue
		}
		id, state, kind := strconv.Itoa(int(o.ID)), "CREATING", createType(o)
		if o.Resuming {
			state = "RESUMING"
		}
		var failure *string
		if o.Failed != nil {
			state, failure = "FAILED", &o.Failed.Msg
		}
		progress, text := s.db.progress(o), definition(s.db.catalog(), o)
		rows = append(rows, []*string{&id, &text, &kind, &progress, &state, failure})
	}
	return textRows(jobColumns, rows, "SHOW"), nil
}
