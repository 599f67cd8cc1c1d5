package storage

import (
	"github.com/cockroachdb/pebble/v2"
)

// estimateSample is the number of rows that EstimateRows counts one by one: more
// than the memtable holds of any but the smallest rows.
const estimateSample = 100_000

// EstimateRows estimates the number of rows of a table: exactly for small ones;
// for others it counts a sample at the start and divides the table's size on disk
// by the sample's. It takes some tens of milliseconds at most.
func (s *Store) EstimateRows(t TableID) (int64, error) {
	from, to := tableBounds(t)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return 0, storeError(err, "could not count the rows of table %d", t)
	}
	defer it.Close()
	n := int64(0)
	for ok := it.First(); ok; ok = it.Next() {
		if n++; n == estimateSample {
			break
		}
	}
	if err := it.Error(); err != nil {
		return 0, storeError(err, "could not count the rows of table %d", t)
	}
	if n < estimateSample {
		return n, nil
	}
	last := append([]byte(nil), it.Key()...)
	sample, err := s.db.EstimateDiskUsage(from, last)
	if err != nil {
		return 0, storeError(err, "could not estimate the size of table %d", t)
	}
	all, err := s.db.EstimateDiskUsage(from, to)
	if err != nil {
		return 0, storeError(err, "could not estimate the size of table %d", t)
	}
	if sample == 0 { // all in memory: by the part of the vnodes that the sample covers
		if last[4] == 0 {
			return n, nil
		}
		return n * NumVNodes / (int64(last[4]) + 1), nil
	}
	return max(n, int64(float64(n)*float64(all)/float64(sample))), nil
}
