package op

import (
	"bytes"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
)

// turn outputs what changes for the rows that stay when the right row does.
func (j *singletonJoin) turn(ctx *executor.Ctx, before, after *singleton) error {
	if j.spec.Op != "" {
		return j.turnRange(ctx, before, after)
	}
	swap := func() error {
		left, n := j.taken()
		old, err := j.passing(ctx, before, left, n)
		if err != nil {
			return err
		}
		now, err := j.passing(ctx, after, left, n)
		if err != nil {
			return err
		}
		if !j.shows {
			old, now = apart(old, now)
		}
		if err := j.emit(left, before, old, n, stream.Delete); err != nil {
			return err
		}
		return j.emit(left, after, now, n, stream.Insert)
	}
	err := j.rows.ScanAll(func(_ storage.VNode, _, row []byte) (bool, error) {
		full, err := j.collect(row)
		if err == nil && full {
			err = swap()
		}
		return true, err
	})
	if err != nil || j.n == 0 {
		return err
	}
	return swap()
}

// apart takes out of two rising lists what both have.
func apart(a, b []int32) (onlyA, onlyB []int32) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			onlyA, a = append(onlyA, a[0]), a[1:]
		case a[0] > b[0]:
			onlyB, b = append(onlyB, b[0]), b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
	return append(onlyA, a...), append(onlyB, b...)
}

// turnRange is turn under an inequality: the rows that pass lie on one side of
// the border, so those between two borders are the ones that turn.
func (j *singletonJoin) turnRange(ctx *executor.Ctx, before, after *singleton) error {
	if j.shows { // every row that passes has the right row beside it
		if err := j.emitSide(ctx, before, stream.Delete); err != nil {
			return err
		}
		return j.emitSide(ctx, after, stream.Insert)
	}
	switch {
	case before.none && after.none:
		return nil
	case before.none:
		return j.emitSide(ctx, after, stream.Insert)
	case after.none:
		return j.emitSide(ctx, before, stream.Delete)
	}
	from, to := before.border, after.border
	rises := compareBorders(from, to) < 0
	if !rises {
		from, to = to, from
	}
	op, under := stream.Insert, after
	if rises == (j.spec.Op[0] == '>') {
		op, under = stream.Delete, before
	}
	return j.emitRange(ctx, under, from, to, op)
}

// compareBorders orders borders; nil is above all.
func compareBorders(a, b []byte) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return bytes.Compare(a, b)
}

// emitSide outputs all rows that pass under a right row.
func (j *singletonJoin) emitSide(ctx *executor.Ctx, s *singleton, op stream.Op) error {
	switch {
	case s.none:
		return nil
	case j.spec.Op[0] == '>':
		return j.emitRange(ctx, s, s.border, nil, op)
	}
	return j.emitRange(ctx, s, []byte{}, s.border, op)
}

// emitRange outputs the rows with keys from from on, below to (nil: to the end).
func (j *singletonJoin) emitRange(ctx *executor.Ctx, s *singleton, from, to []byte, op stream.Op) error {
	if from == nil {
		return nil
	}
	last := j.vnodes.To
	if len(j.spec.Dist) == 0 {
		last = min(last, 1)
	}
	for v := j.vnodes.From; v < last; v++ {
		err := j.rows.ScanFrom(storage.VNode(v), nil, from, func(key, row []byte) (bool, error) {
			if to != nil && bytes.Compare(key, to) >= 0 {
				return false, nil
			}
			full, err := j.collect(row)
			if err == nil && full {
				err = j.emitPassing(ctx, s, op)
			}
			return true, err
		})
		if err != nil {
			return err
		}
	}
	return j.emitPassing(ctx, s, op)
}
