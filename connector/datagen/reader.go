package datagen

import (
	"context"
	"math/bits"
	"strconv"
	"time"

	"streamdb/connector"
	"streamdb/types"
	"streamdb/vec"
)

type reader struct {
	o       *options
	fields  []*field
	split   int64
	end     int64
	from    int64 // offset when started
	past    int64 // see Exists
	started time.Time
}

func (r *reader) Close() error { return nil }

// Wake is nil: the pace is kept by Read.
func (r *reader) Wake() <-chan struct{} { return nil }

// Exists lets Read make the rows below an offset without waiting.
func (r *reader) Exists(below int64) { r.past = max(r.past, below) }

// Read makes the rows that are due: of the first second's worth at once what
// the elapsed part of it allows.
func (r *reader) Read(_ context.Context, c *connector.Chunk, most int) error {
	due := r.from + 1 + int64(time.Since(r.started).Seconds()*float64(r.o.perSecond)/float64(r.o.splits))
	due = max(due, r.past)
	from, to := c.Next, min(r.end, due, c.Next+int64(most))
	if to > from {
		for i, f := range r.fields {
			if err := f.fill(c.Cols[i], from*r.o.splits+r.split, to*r.o.splits, r.o.splits); err != nil {
				return err
			}
		}
		for off := from; off < to; off++ {
			c.Offsets = append(c.Offsets, off)
		}
		c.Next = to
	}
	c.Done = c.Next >= r.end
	c.More = !c.Done && c.Next < due
	return nil
}

// random is the random number of a row (wyhash's mixer).
func random(n int64, seed uint64) uint64 {
	hi, lo := bits.Mul64(uint64(n)*0x9e3779b97f4a7c15^0xa0761d6478bd642f, seed^0xe7037ed1a0b428db)
	return next(hi ^ lo)
}

func next(r uint64) uint64 {
	hi, lo := bits.Mul64(r^0x589965cc75374cc3, 0x1d8e4e27c47d124f)
	return hi ^ lo
}

// below is a number from 0 to n-1; n 0 stands for 2^64.
func below(r, n uint64) uint64 {
	if n == 0 {
		return r
	}
	hi, _ := bits.Mul64(r, n)
	return hi
}

// fill appends the values of rows n, n+step .. below to.
func (f *field) fill(out *vec.Builder, n, to, step int64) error {
	now := f.base
	if now == 0 {
		now = time.Now().UnixMicro()
	}
	for ; n < to; n += step {
		r := random(n, f.seed)
		integer := f.min + int64(below(r, uint64(f.max-f.min)+1))
		if f.sequence {
			integer = f.start + n
		}
		switch f.t.ID {
		case types.Bool:
			out.AppendBool(r>>63 == 1)
		case types.Int2, types.Int4, types.Int8:
			out.AppendInt(integer)
		case types.Float4, types.Float8:
			x := float64(integer)
			if !f.sequence {
				x = f.lo + (f.hi-f.lo)*(float64(r>>11)/(1<<53))
			}
			if f.t.ID == types.Float4 {
				x = float64(float32(x))
			}
			out.AppendFloat(x)
		case types.Numeric:
			text := strconv.FormatInt(integer, 10)
			if !f.sequence {
				text = strconv.FormatFloat(f.lo+(f.hi-f.lo)*(float64(r>>11)/(1<<53)), 'f', 4, 64)
			}
			d, err := types.ParseText(f.t, text, nil)
			if err != nil {
				return err
			}
			out.AppendDatum(d)
		case types.Text:
			for range f.length {
				r = next(r)
				out.Data = append(out.Data, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"[below(r, 62)])
			}
			out.AppendBytes(nil)
		case types.Date:
			out.AppendInt((now - int64(below(r, uint64(f.maxPast+1)))) / day)
		default:
			out.AppendInt(now - int64(below(r, uint64(f.maxPast+1))))
		}
	}
	return nil
}
