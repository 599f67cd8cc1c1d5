package op

import (
	"slices"

	"streamdb/executor"
)

// This file is how the partitions of a sessionAgg leave memory: all that the epoch
// did not touch are in the table. See hashagg_evict.go.

// spill is an end of the epoch in its midst, without its watermark, when it touches
// more sessions than there is memory for.
func (x *sessionAgg) spill(ctx *executor.Ctx, out executor.Emitter) error {
	if x.fresh < x.look {
		return nil
	}
	x.look = x.fresh + spillRows
	x.memory.report(x.bytes())
	if !x.memory.over() {
		return nil
	}
	if err := x.flush(ctx, out); err != nil {
		return err
	}
	return x.evict()
}

// evict makes partitions leave as far as memory is short. All are written.
func (x *sessionAgg) evict() error {
	x.memory.report(x.bytes())
	x.res.most = x.memory.held / 8
	if ids, live := x.keys.Ids(), x.keys.Len(); live > 0 {
		per := x.memory.held/int64(ids) + 1
		want := x.memory.shed(0)/per - int64(ids-live)
		if want > int64(live/8*7) { // nearly all: what is left is not worth its arrays
			want = int64(live)
		}
		if want > 0 {
			x.leave(int(want))
		}
	}
	if x.memory.over() && len(x.spans) > x.live {
		if err := x.pack(); err != nil {
			return err
		}
		x.memory.report(x.bytes())
	}
	x.fresh, x.look = 0, spillRows
	x.stat.Resident.Store(int64(x.keys.Len()))
	x.stat.Bytes.Store(x.memory.held)
	return nil
}

// leave makes partitions leave memory.
func (x *sessionAgg) leave(want int) {
	victims := x.clock.pick(x.keys.lives, want, nil)
	slices.Sort(victims)
	for _, p := range victims {
		for id := x.parts[p].newest; id >= 0; id = x.spans[id].prev {
			x.sweepAt = min(x.sweepAt, x.spans[id].upto)
			x.forget(id)
		}
		x.res.evict(x.keys.Tag(p))
	}
	x.release(victims)
	x.stat.Evicted.Add(int64(len(victims)))
}

// pack gives memory back: partitions and sessions get new ids.
func (x *sessionAgg) pack() error {
	live := x.keys.All()
	parts, spans, ids := make([]sessionPart, len(live)), make([]sessionSpan, 0, x.live), make([]int32, 0, x.live)
	for k, p := range live {
		parts[k] = x.parts[p]
		if parts[k].newest >= 0 {
			parts[k].newest = int32(len(spans))
		}
		for id := x.parts[p].newest; id >= 0; id = x.spans[id].prev {
			s := x.spans[id]
			if s.part = int32(k); s.prev >= 0 {
				s.prev = int32(len(spans) + 1)
			}
			spans, ids = append(spans, s), append(ids, id)
		}
	}
	x.keys = x.keys.Pack(live)
	x.clock.pack(live)
	x.parts, x.spans, x.frees = parts, spans, nil
	x.touched, x.dirty, x.retired = nil, nil, nil // they are empty
	for _, a := range x.aggs {
		if err := a.pack(ids); err != nil {
			return err
		}
	}
	return nil
}

// Bytes of a sessionSpan, a sessionPart and a row of oldSessions without its results.
const (
	spanBytes = 40
	partBytes = 12
	oldBytes  = 20
)

func (x *sessionAgg) bytes() int64 {
	n := x.keys.Bytes() + x.clock.bytes() + x.res.bytes() + int64(spanBytes*cap(x.spans)+partBytes*cap(x.parts)+oldBytes*cap(x.olds.parts)) +
		int64(4*(cap(x.frees)+cap(x.touched)+cap(x.dirty)+cap(x.retired)))
	for j, a := range x.aggs {
		n += a.bytes() + int64(8*x.olds.results[j].Len()+len(x.olds.results[j].Data))
	}
	return n
}
