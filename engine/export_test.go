package engine

import (
	"fmt"

	"streamdb/stream"
)

// FailJob makes the job of a relation fail as an operator's error would.
func (db *DB) FailJob(name string, err error) error {
	for _, o := range db.catalog().Objects() {
		if o.Name == name && o.Runs() {
			db.coord.FailJob(stream.JobID(o.ID), err)
			return nil
		}
	}
	return fmt.Errorf("no job %q", name)
}
