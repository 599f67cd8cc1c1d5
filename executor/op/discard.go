package op

import (
	"streamdb/executor"
	"streamdb/stream"
)

// discardSink runs a Sink whose connector keeps nothing: there is nothing to
// deliver, nothing to repeat after a crash, so no outbox. It counts rows.
type discardSink struct {
	executor.Base
	stat *Stat
}

// Process counts the rows.
func (d *discardSink) Process(_ *executor.Ctx, _ int, b *stream.Batch, _ executor.Emitter) error {
	d.stat.Rows.Add(int64(b.Rows()))
	return nil
}
