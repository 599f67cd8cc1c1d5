package op

import (
	"fmt"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// scanOutput makes batches of stored rows; each is twice as large as the one
// before, up to stream.BatchRows.
type scanOutput struct {
	name     string // of the relation
	dec      *storage.RowDecoder
	builders []*vec.Builder
	rows     int
	size     int // rows aimed at in the batch now filled
}

func (s *scanOutput) begin(t *RowTable, cols []int) {
	s.size = scanFirstRows
	s.builders = t.Builders(cols, s.size)
}

func (s *scanOutput) add(ctx *executor.Ctx, value []byte, out executor.Emitter) error {
	if err := s.dec.Append(s.builders, value); err != nil {
		return fmt.Errorf("relation %s: %w", s.name, err)
	}
	if s.rows++; s.rows < s.size {
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
