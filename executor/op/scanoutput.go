package op

import (
	"errors"
	"fmt"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// leaf is an operator without inputs.
type leaf struct{ executor.Base }

func (leaf) Process(*executor.Ctx, int, *stream.Batch, executor.Emitter) error {
	return errors.New("op: rows for an operator without inputs")
}

// scanOutput is what scans of a snapshot share. It makes batches of stored rows;
// each is twice as large as the one before, up to stream.BatchRows.
type scanOutput struct {
	leaf
	name     string // of the relation
	snapshot storage.Snapshot
	done     bool
	dec      *storage.RowDecoder
	builders []*vec.Builder
	rows     int
	size     int // rows aimed at in the batch now filled
	filter   *scanFilter
}

// Wake is nil: a scan never waits.
func (*scanOutput) Wake() <-chan struct{} { return nil }

func (s *scanOutput) Close() error {
	if s.snapshot == nil {
		return nil
	}
	err := s.snapshot.Close()
	s.snapshot = nil
	return err
}

func (s *scanOutput) begin(t *RowTable, cols []int) {
	s.size = scanFirstRows
	s.builders = t.Builders(cols, s.size)
}

func (s *scanOutput) add(ctx *executor.Ctx, value []byte, out executor.Emitter) error {
	if err := s.dec.Append(s.builders, value); err != nil {
		return fmt.Errorf("relation %s: %w", s.name, err)
	}
	if s.rows++; s.rows < s.size && !stream.Full(s.rows, s.builders) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.flush(out)
}

func (s *scanOutput) flush(out executor.Emitter) error {
	if s.rows == 0 {
		return nil
	}
	b := batchOf(s.builders, s.rows, nil)
	s.rows = 0
	s.size = min(2*s.size, stream.BatchRows)
	for _, b := range s.builders {
		b.Reset(s.size)
	}
	return out.Emit(b)
}
