package op

import (
	"bytes"
	"math"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// closeSessions drops the sessions that no later row can extend, with their rows,
// which come out now, with EmitOnClose, and passes the watermark on as one on
// window_end.
func (x *session) closeSessions(out executor.Emitter) error {
	// Later rows are at next or after: a session is open while next is within its gap.
	next := (x.closed.at + 1) * x.scale
	for v := range x.low {
		if x.low[v] <= next-x.spec.Gap {
			if err := x.closeIn(storage.VNode(v), next, out); err != nil {
				return err
			}
		}
	}
	if err := x.flush(out, true); err != nil {
		return err
	}
	return out.EmitWatermark(stream.Watermark{Column: len(x.spec.Out) - 1, Time: next})
}

// endedSession is one to close.
type endedSession struct {
	partition []byte
	timeSpan
}

// closeIn closes sessions of a vnode, and notes the earliest that stays.
func (x *session) closeIn(v storage.VNode, next int64, out executor.Emitter) error {
	var from []byte
	for more := true; more; {
		var ended []endedSession
		more = false
		x.low[v] = math.MaxInt64
		err := x.ends.ScanFrom(v, nil, from, func(key, value []byte) (bool, error) {
			d, rest, err := types.DecodeKey(types.Of(types.Int8), key)
			if err != nil {
				return false, err
			}
			first, err := x.firstOf(value)
			if err != nil {
				return false, err
			}
			if d.I > next-x.spec.Gap {
				x.low[v] = d.I
				return false, nil
			}
			if len(ended) == closeSlice {
				more = true
				return false, nil
			}
			from = append(append(from[:0], key...), 0)
			ended = append(ended, endedSession{bytes.Clone(rest), timeSpan{first, d.I}})
			return true, nil
		})
		if err != nil {
			return err
		}
		for i := range ended {
			if err := x.drop(v, &ended[i]); err != nil {
				return err
			}
			if err := x.flush(out, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// drop removes a session and its rows from the state.
func (x *session) drop(v storage.VNode, s *endedSession) error {
	x.store(v, s.partition, s.timeSpan, true)
	p := s.partition
	from := types.AppendKeyInt(bytes.Clone(p), s.first/x.scale, false)
	return x.net.table.ScanFrom(v, p, from, func(key, value []byte) (bool, error) {
		t, err := x.timeOf(key[len(p):])
		if err != nil || t > s.last {
			return false, err
		}
		x.net.table.Delete(v, key)
		if !x.spec.EmitOnClose {
			return true, nil
		}
		return true, x.add(value, s.first, endOf(s.last, x.spec.Gap), stream.Insert)
	})
}
