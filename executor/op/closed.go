package op

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
)

// closedMark is up to where an operator has dropped its state by a watermark.
// Rows at or below it are late: there is nothing left that they could change, so
// they are counted and dropped. It is kept across restarts, so that the same rows
// are late after one; after a change of parallelism an instance that got no mark
// learns it with the next watermark.
//
//	'c' -> mark, 8 bytes big-endian (in the instance's first vnode)
//	'l' -> number of late rows of all times, 8 bytes big-endian (there, too)
type closedMark struct {
	table storage.StateTable // nil: not kept
	vnode storage.VNode
	at    int64 // minWindow: nothing is closed
	saved int64
	late  *atomic.Int64 // of this run
	count int64         // late rows of all times
	dirty bool          // count changed
	sel   []int32
}

// openClosed reads the mark. kind and id name the operator's figures: rows that
// came late are in the cell {Kind: "late", Name: "HashAgg 17"}, in Bad.
func openClosed(ctx *executor.OpenCtx, ref TableRef, kind string, id storage.TableID) (closedMark, error) {
	c := closedMark{at: minWindow, saved: minWindow, vnode: storage.VNode(ctx.VNodes.From)}
	if ctx.Bounded || ref.ID == 0 {
		c.late = &atomic.Int64{}
		return c, nil
	}
	c.late = &envOf(ctx).Stats.Of(StatKey{Job: ctx.Job, Kind: "late", Name: fmt.Sprintf("%s %d", kind, id), Instance: ctx.Instance}).Bad
	c.table = ctx.Table(ref)
	err := c.table.ScanAll(func(v storage.VNode, key, value []byte) (bool, error) {
		if len(value) != 8 || len(key) != 1 {
			return false, sqlerr.New(sqlerr.DataCorrupted, "stored watermark of table %d has %d bytes", ref.ID, len(value))
		}
		if key[0] == 'l' {
			c.count += int64(binary.BigEndian.Uint64(value))
			if v != c.vnode { // of an instance that is no more: it is written with ours
				c.table.Delete(v, key)
				c.dirty = true
			}
			return true, nil
		}
		c.at = max(c.at, int64(binary.BigEndian.Uint64(value)))
		return true, nil
	})
	c.saved = c.at
	return c, err
}

// raise moves the mark and reports whether it rose.
func (c *closedMark) raise(t int64) bool {
	if t <= c.at {
		return false
	}
	c.at = t
	return true
}

// save writes what changed since the last barrier.
func (c *closedMark) save() {
	if c.table == nil {
		return
	}
	if c.dirty {
		c.dirty = false
		c.table.Put(c.vnode, []byte{'l'}, binary.BigEndian.AppendUint64(nil, uint64(c.count)))
	}
	if c.at != c.saved {
		c.saved = c.at
		c.table.Put(c.vnode, []byte{'c'}, binary.BigEndian.AppendUint64(nil, uint64(c.at)))
	}
}

// risingMark is a closedMark that rises at barriers: when the rows of the epoch
// have been taken in.
type risingMark struct {
	closedMark
	next   int64 // the watermark of this epoch; minWindow: none
	resend bool  // the mark was not passed on yet in this run
}

// openRising is openClosed.
func openRising(ctx *executor.OpenCtx, ref TableRef, kind string, id storage.TableID) (risingMark, error) {
	c, err := openClosed(ctx, ref, kind, id)
	return risingMark{closedMark: c, next: minWindow, resend: c.at > minWindow}, err
}

// note keeps a watermark for the barrier.
func (c *risingMark) note(t int64) { c.next = max(c.next, t) }

// rise moves and saves the mark, and reports whether it is to be passed on: it
// rose, or was not told in this run.
func (c *risingMark) rise() bool {
	tell := c.raise(c.next) || c.resend
	c.next, c.resend = minWindow, false
	c.save()
	return tell
}

// early moves the mark within the epoch; the barrier saves it, and tells it if that
// is not done by the caller.
func (c *risingMark) early(told bool) {
	c.raise(c.next)
	c.resend = !told
}

// missed counts n late rows.
func (c *closedMark) missed(n int) {
	if n > 0 {
		c.late.Add(int64(n))
		c.count += int64(n)
		c.dirty = true
	}
}

// LateTable is the state table in which an operator counts the rows that came
// too late for it, under the key 'l' (see LateRows); ok: it counts them.
func LateTable(s executor.Spec) (ref TableRef, ok bool) {
	switch s := s.(type) {
	case *WatermarkFilter:
		ref = s.Table
	case *HashAgg:
		ref = s.Closed
	case *TopN:
		ref = s.Closed
	case *OverWindow:
		ref = s.Closed
	case *SessionAgg:
		ref = s.Closed
	case *Session:
		ref = s.Closed
	case *EmitOnClose:
		ref = s.Closed
	}
	return ref, ref.ID != 0
}

// LateRows is the number of late rows that an operator with this LateTable counted.
func LateRows(snap storage.Snapshot, ref TableRef) (n int64, err error) {
	err = snap.ScanTable(ref.ID, func(_ storage.VNode, key, value []byte) (bool, error) {
		if string(key) == "l" && len(value) == 8 {
			n += int64(binary.BigEndian.Uint64(value))
		}
		return true, nil
	})
	return n, err
}

// onTime is the rows of b whose time in column col is above the mark. Rows
// without a time are kept, or, if nulls is false, dropped: they are not late.
func (c *closedMark) onTime(b *stream.Batch, col int, nulls bool) *stream.Batch {
	t, n := &b.Cols()[col], b.Rows()
	m, at := t.Mask(), c.at
	has := t.HasNulls()
	if at == minWindow && (nulls || !has) {
		return b
	}
	i := 0
	if !has {
		for i < n && t.I64[i&m] > at {
			i++
		}
		if i == n {
			return b
		}
	}
	sel, without := c.sel[:0], 0
	for i := range n {
		if t.Null(i) {
			if nulls {
				sel = append(sel, int32(i))
			} else {
				without++
			}
		} else if t.I64[i&m] > at {
			sel = append(sel, int32(i))
		}
	}
	c.sel = sel
	if len(sel) == n {
		return b
	}
	c.missed(n - len(sel) - without)
	return b.Take(sel)
}
