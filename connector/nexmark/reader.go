package nexmark

import (
	"context"
	"slices"
	"time"

	"streamdb/connector"
)

// reader makes the events of one split.
type reader struct {
	o       *options
	gen     *generator
	cols    []int
	split   int64
	end     int64
	started time.Time
	from    int64 // offset at started
	past    int64 // see Exists
	numbers []int64
}

func (r *reader) Close() error { return nil }

// Wake is nil: the pace is kept by Read.
func (r *reader) Wake() <-chan struct{} { return nil }

// Exists lets Read make the events below an offset without waiting.
func (r *reader) Exists(below int64) { r.past = max(r.past, below) }

// due is the offset that the clock allows to have been made by now.
func (r *reader) due() int64 {
	gap := r.o.gap
	if r.o.realTime {
		gap = time.Duration(int64(time.Second) / r.o.rate)
	}
	if gap <= 0 {
		return r.end
	}
	// The gap is between two events of the whole source; this split has one of every splits.
	made := int64(time.Since(r.started)/gap)/r.o.splits + 1
	return min(r.end, max(r.from+made, r.past))
}

// scanned is the most events looked at in one Read: a source of persons passes
// over 49 of 50.
const scanned = 1 << 18

// Read makes the next rows of the reader's kind.
func (r *reader) Read(_ context.Context, c *connector.Chunk, max int) error {
	n := min(max, int(r.o.chunk))
	to := min(r.due(), c.Next+scanned)
	r.numbers = slices.Grow(r.numbers[:0], n)
	c.Offsets = slices.Grow(c.Offsets, n)
	at := c.Next
	for at < to && len(r.numbers) < n {
		at = r.collect(c, at, to, n)
	}
	c.Next = at
	r.gen.fill(r.cols, c.Cols, r.numbers)
	c.Done = at >= r.end
	c.More = !c.Done && at < r.due()
	return nil
}

// collect takes the offsets from at on whose events are of the wanted kind.
func (r *reader) collect(c *connector.Chunk, at, to int64, n int) int64 {
	first, count := int64(0), int64(persons)
	switch r.o.kind {
	case auction:
		first, count = persons, auctions
	case bid:
		first, count = persons+auctions, bids
	}
	if r.o.splits == 1 { // whole groups at a time
		for at < to && len(r.numbers) < n {
			pos := at % group
			if pos < first {
				at += first - pos
				continue
			}
			if pos >= first+count {
				at += group - pos + first
				continue
			}
			stop := min(at-pos+first+count, to, at+int64(n-len(r.numbers)))
			for ; at < stop; at++ {
				r.numbers = append(r.numbers, at)
				c.Offsets = append(c.Offsets, at)
			}
		}
		return min(at, to)
	}
	for at < to && len(r.numbers) < n {
		number := at*r.o.splits + r.split
		pos := number % group
		if pos >= first && pos < first+count {
			r.numbers = append(r.numbers, number)
			c.Offsets = append(c.Offsets, at)
			at++
			continue
		}
		wanted := number - pos + first // the next one of the kind, in any split
		if pos >= first+count {
			wanted += group
		}
		at += (wanted - number + r.o.splits - 1) / r.o.splits
	}
	return min(at, to)
}
