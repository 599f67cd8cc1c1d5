package engine

import (
	"context"
	"time"

	"streamdb/types"
	"streamdb/wire"
)

// waitJobs is WAIT: it returns when no relation is being created any more.
// Those whose creation failed do not count.
func waitJobs(ctx context.Context, s *Session, args []types.Datum) (wire.Rows, error) {
	if _, err := flush(ctx, s, args); err != nil {
		return nil, err
	}
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.db.creating() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, cancelled(context.Cause(ctx))
		}
	}
	return done("WAIT"), nil
}

// creating reports whether some relation is still being created.
func (db *DB) creating() bool {
	for _, o := range db.catalog().Objects() {
		if o.Creating && o.Failed == nil {
			return true
		}
	}
	return false
}
