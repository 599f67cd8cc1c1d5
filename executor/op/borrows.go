package op

// This file lists the operators that keep nothing of a batch: see
// executor.Borrower. What they remember of rows are copies, or what Ctx.Keep gave them.

// Borrows implements executor.Borrower.
func (s *source) Borrows() bool { return true }

// Borrows implements executor.Borrower.
func (u *union) Borrows() bool { return true }

// Borrows implements executor.Borrower.
func (j *hashJoin) Borrows() bool { return true }

// Borrows implements executor.Borrower.
func (b *sourceBackfill) Borrows() bool { return true }

// Borrows implements executor.Borrower.
func (f *watermarkFilter) Borrows() bool { return true }

// Borrows implements executor.Borrower: what waits is kept, and not given back.
func (f *backfill) Borrows() bool { return true }

// Borrows implements executor.Borrower: left rows are kept until the barrier.
func (t *temporalJoin) Borrows() bool { return true }

// Borrows implements executor.Borrower.
func (c *calc) Borrows() bool { return true }

// Borrows implements executor.Borrower.
func (h *hop) Borrows() bool { return true }

// Borrows implements executor.Borrower.
func (p *partialAgg) Borrows() bool { return true }

// Borrows implements executor.Borrower.
func (a *hashAgg) Borrows() bool { return true }

// Borrows implements executor.Borrower.
func (x *sessionAgg) Borrows() bool { return true }

// Borrows implements executor.Borrower.
func (t *topNFirst) Borrows() bool { return true }

// Borrows implements executor.Borrower.
func (a *appendRows) Borrows() bool { return true }

// Borrows implements executor.Borrower.
func (k *sink) Borrows() bool { return true }

// Borrows implements executor.Borrower.
func (d *discardSink) Borrows() bool { return true }

// Borrows implements executor.Borrower: the batches that it keeps are those of an
// aggregate, which are made of memory of their own.
func (w *pairedRows) Borrows() bool { return true }
