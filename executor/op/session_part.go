package op

import (
	"bytes"
	"cmp"
	"slices"
	"sort"

	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// sessionRow is a row of a touched session, before or after the epoch.
type sessionRow struct {
	key []byte // behind the partition: time, row key
	row []byte
	t   int64
	in  timeSpan // its session
}

// partition divides the sessions that changes of one partition touch anew, and
// emits the rows whose window, or which themselves, are not as before.
func (x *session) partition(v storage.VNode, p []byte, cs []sessionChange) error {
	touched, err := x.touched(v, p, cs)
	if err != nil {
		return err
	}
	spans := slices.Clone(touched)
	if x.spec.EmitOnClose && !slices.ContainsFunc(cs, func(c sessionChange) bool { return c.del >= 0 }) {
		for _, c := range cs {
			spans = append(spans, timeSpan{c.t, c.t})
		}
		x.settle(v, p, touched, spans)
		return nil
	}
	olds, news, err := x.images(v, p, cs, touched)
	if err != nil {
		return err
	}
	spans = spans[:0]
	for _, r := range news {
		spans = append(spans, timeSpan{r.t, r.t})
	}
	spans = x.settle(v, p, touched, spans)
	if x.spec.EmitOnClose {
		return nil
	}
	assign(olds, touched)
	assign(news, spans)
	return x.diff(olds, news)
}

// touched lists the sessions that have lost a row, or come within the gap of a
// new one, in order.
func (x *session) touched(v storage.VNode, p []byte, cs []sessionChange) (out []timeSpan, err error) {
	gap := x.spec.Gap
	lo, hi := cs[0].t, cs[len(cs)-1].t
	err = x.sessions.ScanFrom(v, p, sessionKey(p, lo-gap+1), func(key, value []byte) (bool, error) {
		d, rest, err := types.DecodeKey(types.Of(types.Int8), key[len(p):])
		if err != nil || len(rest) > 0 {
			return false, err
		}
		s := timeSpan{last: d.I}
		if s.first, err = x.firstOf(value); err != nil {
			return false, err
		}
		if s.first-hi >= gap {
			return false, nil
		}
		// The first change that is not too early for the session.
		k := sort.Search(len(cs), func(i int) bool { return s.first-cs[i].t < gap })
		if k < len(cs) && cs[k].t-s.last < gap {
			out = append(out, s)
		}
		return true, nil
	})
	return out, err
}

// settle merges what is left of sessions and what came into the new sessions,
// and writes the difference.
func (x *session) settle(v storage.VNode, p []byte, touched, spans []timeSpan) []timeSpan {
	slices.SortFunc(spans, func(a, b timeSpan) int { return cmp.Compare(a.first, b.first) })
	spans = mergeSpans(spans, x.spec.Gap)
	for _, s := range touched {
		if !slices.Contains(spans, s) {
			x.store(v, p, s, true)
		}
	}
	for _, s := range spans {
		if !slices.Contains(touched, s) {
			x.store(v, p, s, false)
		}
	}
	return spans
}

// images are the rows of the touched sessions before and after the epoch, each
// in order of key. Rows already holds what is after.
func (x *session) images(v storage.VNode, p []byte, cs []sessionChange, touched []timeSpan) (olds, news []sessionRow, err error) {
	for _, s := range touched {
		from := types.AppendKeyInt(bytes.Clone(p), s.first/x.scale, false)
		err := x.net.table.ScanFrom(v, p, from, func(key, value []byte) (bool, error) {
			t, err := x.timeOf(key[len(p):])
			if err != nil || t > s.last {
				return false, err
			}
			news = append(news, sessionRow{key: bytes.Clone(key[len(p):]), row: bytes.Clone(value), t: t})
			return true, nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	olds = make([]sessionRow, 0, len(news))
	scanned := news
	news = make([]sessionRow, 0, len(scanned)+len(cs))
	for len(scanned) > 0 || len(cs) > 0 {
		order := -1
		switch {
		case len(scanned) == 0:
			order = 1
		case len(cs) > 0:
			order = bytes.Compare(scanned[0].key, cs[0].key[cs[0].prefix:])
		}
		if order < 0 { // as before
			olds, news, scanned = append(olds, scanned[0]), append(news, scanned[0]), scanned[1:]
			continue
		}
		if order == 0 {
			scanned = scanned[1:]
		}
		c := cs[0]
		cs = cs[1:]
		if c.del >= 0 {
			olds = append(olds, x.image(c, c.del))
		}
		if c.ins >= 0 {
			news = append(news, x.image(c, c.ins))
		}
	}
	return olds, news, nil
}

// image is a row of the epoch.
func (x *session) image(c sessionChange, number int32) sessionRow {
	b, i := x.net.epoch.at(number)
	return sessionRow{key: c.key[c.prefix:], row: storage.AppendRow(nil, x.net.epoch.batches[b].Cols(), i), t: c.t}
}

// assign gives rows their sessions, both in order of time.
func assign(rows []sessionRow, spans []timeSpan) {
	k := 0
	for i := range rows {
		for rows[i].t > spans[k].last {
			k++
		}
		rows[i].in = spans[k]
	}
}

// diff emits what is different in rows, in order of key.
func (x *session) diff(olds, news []sessionRow) error {
	for len(olds) > 0 || len(news) > 0 {
		order := 0
		switch {
		case len(olds) == 0:
			order = 1
		case len(news) == 0:
			order = -1
		default:
			order = bytes.Compare(olds[0].key, news[0].key)
		}
		same := order == 0 && olds[0].in == news[0].in && bytes.Equal(olds[0].row, news[0].row)
		if order <= 0 {
			if o := &olds[0]; !same {
				if err := x.add(o.row, o.in.first, endOf(o.in.last, x.spec.Gap), stream.Delete); err != nil {
					return err
				}
			}
			olds = olds[1:]
		}
		if order >= 0 {
			if n := &news[0]; !same {
				if err := x.add(n.row, n.in.first, endOf(n.in.last, x.spec.Gap), stream.Insert); err != nil {
					return err
				}
			}
			news = news[1:]
		}
	}
	return nil
}
