package op

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// joins reports whether a row at time t belongs to the session whose last row
// was at last <= t.
func joins(last, t, gap int64) bool {
	if infiniteTime(last) || infiniteTime(t) {
		return last == t
	}
	return t-last < gap
}

// endOf is the end of the session with this last row.
func endOf(last, gap int64) int64 {
	if infiniteTime(last) {
		return last
	}
	return last + gap
}

func infiniteTime(t int64) bool { return t == math.MaxInt64 || t == math.MinInt64 }

// scaled is a time in microseconds.
func scaled(t, scale int64) int64 {
	if infiniteTime(t) {
		return t
	}
	return t * scale
}

// timeSpan is a session, or what is to become part of one, by its first and last time.
type timeSpan struct{ first, last int64 }

// mergeSpans joins spans, in order of their first time, that belong together.
func mergeSpans(in []timeSpan, gap int64) []timeSpan {
	var out []timeSpan
	for _, s := range in {
		if k := len(out) - 1; k >= 0 && s.first-out[k].last < gap {
			out[k].last = max(out[k].last, s.last)
			continue
		}
		out = append(out, s)
	}
	return out
}

// session runs a Session. The changes of an epoch are netted row by row and
// written to Rows at the barrier (see netRows). Then, partition by partition, the
// sessions that they touch are found in Sessions, which is in order of last
// times: from the first change's time less the gap on. Their rows, with those
// that came, are divided anew. Closed sessions are found in Ends.
type session struct {
	executor.Base
	spec     *Session
	scale    int64
	parts    []types.T // of the partition
	net      netRows   // its table is Rows
	sessions storage.StateTable
	ends     storage.StateTable
	closed   closedMark
	rose     bool                     // the mark, in this epoch
	resend   bool                     // the mark was not passed on yet in this run
	low      [storage.NumVNodes]int64 // no session of the vnode has an earlier last time

	dec *storage.RowDecoder
	out []*vec.Builder
	ops []stream.Op
}

func openSession(s *Session, ctx *executor.OpenCtx) (executor.Operator, error) {
	in := s.In.Schema()
	tab := s.rowTable()
	x := &session{spec: s, scale: s.scale(), parts: colTypes(in, s.Partition), dec: tab.Decoder(nil)}
	x.net.rowWriter = rowWriter{spec: &Materialize{Table: tab}, table: ctx.Table(s.Rows), types: schemaTypes(in)}
	x.sessions, x.ends = ctx.Table(s.Sessions), ctx.Table(s.Ends)
	var err error
	if x.closed, err = openClosed(ctx, s.Closed, s.Kind(), s.Rows.ID); err != nil {
		return nil, err
	}
	x.resend = x.closed.at > minWindow
	empty, err := x.ends.Empty()
	for v := range x.low {
		x.low[v] = math.MaxInt64
		if !empty && ctx.VNodes.Contains(storage.VNode(v)) {
			x.low[v] = math.MinInt64
		}
	}
	x.renew()
	return x, err
}

func (x *session) renew() {
	x.out = append(x.dec.Builders(64), vec.NewBuilder(types.LInt64, 64), vec.NewBuilder(types.LInt64, 64))
	x.ops = nil
}

func (x *session) Process(_ *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
	if x.spec.Closes {
		b = x.closed.onTime(b, x.spec.Time, false)
	}
	t, n := &b.Cols()[x.spec.Time], b.Rows()
	m := t.Mask()
	sel := make([]int32, 0, n)
	for i := range n {
		switch {
		case t.Null(i):
		case !infiniteTime(t.I64[i&m]):
			sel = append(sel, int32(i))
		case !x.spec.EmitOnClose:
			at := t.I64[i&m]
			if err := x.add(storage.AppendRow(nil, b.Cols(), i), at, at, b.Op(i)); err != nil {
				return err
			}
		}
	}
	if len(sel) < n {
		b = b.Take(sel)
	}
	if b.Rows() > 0 {
		x.net.epoch.add(&x.net.rowWriter, b)
	}
	return x.flush(out, false)
}

// Watermark passes on no column but window_end, at the barrier: rows of open
// sessions are emitted again, however old they are.
func (x *session) Watermark(_ *executor.Ctx, _ int, w stream.Watermark, _ executor.Emitter) error {
	if x.spec.Closes && w.Column == x.spec.Time && !infiniteTime(w.Time) && x.closed.raise(w.Time) {
		x.rose = true
	}
	return nil
}

// sessionChange is the net change of one stored row.
type sessionChange struct {
	key      []byte // vnode, key
	prefix   int    // length of the vnode and partition
	t        int64
	del, ins int32 // numbers of the rows in the epoch; -1: none
}

func (x *session) Barrier(_ *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	x.closed.save()
	changes, err := x.changes()
	if err != nil {
		return err
	}
	for len(changes) > 0 {
		n := 1
		p := changes[0].key[:changes[0].prefix]
		for n < len(changes) && bytes.Equal(changes[n].key[:changes[n].prefix], p) {
			n++
		}
		if err := x.partition(p[0], p[1:], changes[:n]); err != nil {
			return err
		}
		changes = changes[n:]
		if err := x.flush(out, false); err != nil {
			return err
		}
	}
	x.net.epoch.reset()
	if x.rose || x.resend {
		x.rose, x.resend = false, false
		return x.closeSessions(out)
	}
	return x.flush(out, true)
}

// changes nets the epoch, writes the rows, and lists them by partition and time.
func (x *session) changes() ([]sessionChange, error) {
	e := &x.net.epoch
	if err := x.net.settleAll(); err != nil {
		return nil, err
	}
	var out []sessionChange
	for id, head := range e.heads {
		c := sessionChange{key: e.keys.Key(int32(id)), del: -1, ins: -1}
		for r := head; r >= 0; r = e.next[r] {
			if !x.net.keep[r] {
				continue
			}
			if b, i := e.at(r); e.batches[b].Op(i) == stream.Insert {
				c.ins = r
			} else {
				c.del = r
			}
		}
		if c.ins < 0 && c.del < 0 {
			continue
		}
		rest := c.key[1:]
		var err error
		for _, typ := range x.parts {
			if _, rest, err = types.DecodeKey(typ, rest); err != nil {
				return nil, err
			}
		}
		c.prefix = len(c.key) - len(rest)
		if c.t, err = x.timeOf(rest); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b sessionChange) int { return bytes.Compare(a.key, b.key) })
	return out, nil
}

// timeOf reads the time, in microseconds, that a row's key goes on with behind the partition.
func (x *session) timeOf(key []byte) (int64, error) {
	d, _, err := types.DecodeKey(x.spec.In.Schema()[x.spec.Time].Type, key)
	return scaled(d.I, x.scale), err
}

// add emits a row with its window.
func (x *session) add(row []byte, start, end int64, o stream.Op) error {
	if err := x.dec.Append(x.out[:len(x.out)-2], row); err != nil {
		return err
	}
	x.out[len(x.out)-2].AppendInt(start)
	x.out[len(x.out)-1].AppendInt(end)
	x.ops = append(x.ops, o)
	return nil
}

// flush emits what has been added, if it is all or a full batch.
func (x *session) flush(out executor.Emitter, all bool) error {
	if len(x.ops) == 0 || !all && !stream.Full(len(x.ops), x.out) {
		return nil
	}
	b := changesOf(x.out, x.ops)
	x.renew()
	return out.Emit(b)
}

// sessionKey is partition | last; endKey is last | partition.
func sessionKey(partition []byte, last int64) []byte {
	return types.AppendKeyInt(bytes.Clone(partition), last, false)
}

func endKey(partition []byte, last int64) []byte {
	return append(types.AppendKeyInt(nil, last, false), partition...)
}

// store writes or, if gone, deletes a session.
func (x *session) store(v storage.VNode, partition []byte, s timeSpan, gone bool) {
	if gone {
		x.sessions.Delete(v, sessionKey(partition, s.last))
		x.ends.Delete(v, endKey(partition, s.last))
		return
	}
	first := binary.BigEndian.AppendUint64(nil, uint64(s.first))
	x.sessions.Put(v, sessionKey(partition, s.last), first)
	x.ends.Put(v, endKey(partition, s.last), first)
	x.low[v] = min(x.low[v], s.last)
}

func (x *session) firstOf(value []byte) (int64, error) {
	if len(value) != 8 {
		return 0, sqlerr.New(sqlerr.DataCorrupted, "stored session of table %d has %d bytes", x.spec.Sessions.ID, len(value))
	}
	return int64(binary.BigEndian.Uint64(value)), nil
}
