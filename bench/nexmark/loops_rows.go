package main

import (
	"bytes"
	"strconv"
	"time"
)

// A loop is what a specialist would write for one query alone: incremental, over
// columns in memory, without SQL, other cores or durability. It writes the
// columns that the query computes; those that it passes on stay where they are,
// except where a filter or a join picks rows. The columns that are state it
// copies, for the blocks' memory is used again.
type loop interface {
	add(b *block)
	// finish is the number of rows of the result and a sum over them, which the
	// query's check computes of the view.
	finish() (rows, sum int64)
}

// tally counts the rows of a result and sums something over them.
type tally struct{ rows, sum int64 }

func (t *tally) finish() (int64, int64) { return t.rows, t.sum }

// output is the memory that results are written to.
type output struct {
	tally
	i   [8][]int64
	s   [8]text
	sel []int32
}

func (o *output) reset() {
	for k := range o.s {
		o.s[k].reset()
	}
	o.sel = o.sel[:0]
}

// q0 copies its rows.
type q0 struct{ output }

func (q *q0) add(b *block) {
	for k, c := range []int{bidAuction, bidBidder, bidPrice, bidTime} {
		q.i[k] = append(q.i[k][:0], b.bid.i[c]...)
	}
	e := &b.bid.s[bidExtra]
	q.s[0] = text{append(q.s[0].off[:0], e.off...), append(q.s[0].data[:0], e.data...)}
	for _, p := range q.i[2] {
		q.sum += p
	}
	q.rows += int64(b.bid.n)
}

// q1 converts prices, as numbers of three digits after the point.
type q1 struct{ output }

func (q *q1) add(b *block) {
	out := q.i[0][:0]
	for _, p := range b.bid.i[bidPrice] {
		out = append(out, 908*p)
		q.sum += 908 * p
	}
	q.i[0] = out
	q.rows += int64(b.bid.n)
}

// q2 picks bids on some auctions.
type q2 struct{ output }

func (q *q2) add(b *block) {
	q.reset()
	for i, a := range b.bid.i[bidAuction] {
		if uint64(a)%123 == 0 {
			q.sel = append(q.sel, int32(i))
		}
	}
	q.i[0] = gather(q.i[0], b.bid.i[bidAuction], q.sel)
	q.i[1] = gather(q.i[1], b.bid.i[bidPrice], q.sel)
	for _, p := range q.i[1] {
		q.sum += p
	}
	q.rows += int64(len(q.sel))
}

// q10 writes the day and the minute, which it formats once a minute.
type q10 struct {
	output
	minute int64
	stamp  []byte
}

func (q *q10) add(b *block) {
	q.reset()
	for _, t := range b.bid.i[bidTime] {
		if m := t / 60e6; m != q.minute || q.stamp == nil {
			q.minute = m
			q.stamp = time.UnixMicro(t).UTC().AppendFormat(q.stamp[:0], "2006-01-0215:04")
		}
		q.s[0].add(q.stamp[:10])
		q.s[1].add(q.stamp[10:])
	}
	q.rows += int64(b.bid.n)
	q.sum += int64(len(q.s[0].data) + len(q.s[1].data))
}

// q13 looks a value up by the auction's number.
type q13 struct {
	output
	keys   *table
	values text
}

func newQ13() loop {
	q := &q13{keys: newTable()}
	q.values.reset()
	for i := range int64(sideRows) {
		q.keys.put(i)
		q.values.add([]byte("value-" + strconv.FormatInt(i, 10)))
	}
	return q
}

func (q *q13) add(b *block) {
	q.reset()
	for _, a := range b.bid.i[bidAuction] {
		q.s[0].add(q.values.at(int(q.keys.find(a % sideRows))))
	}
	q.rows += int64(b.bid.n)
	q.sum += int64(len(q.s[0].data))
}

// q14 picks bids by price and counts a letter.
type q14 struct{ output }

func (q *q14) add(b *block) {
	q.reset()
	for i, p := range b.bid.i[bidPrice] {
		if p = 908 * p; p > 1000000_000 && p < 50000000_000 {
			q.sel = append(q.sel, int32(i))
		}
	}
	for k, c := range []int{bidAuction, bidBidder, bidPrice, bidTime} {
		q.i[k] = gather(q.i[k], b.bid.i[c], q.sel)
	}
	q.i[4], q.i[5] = q.i[4][:0], q.i[5][:0]
	for k, r := range q.sel {
		q.i[2][k] *= 908
		hour, kind := q.i[3][k]/3600e6%24, int64(2)
		switch {
		case hour >= 8 && hour <= 18:
			kind = 0
		case hour <= 6 || hour >= 20:
			kind = 1
		}
		letters := int64(bytes.Count(b.bid.s[bidExtra].at(int(r)), []byte{'c'}))
		q.i[4], q.i[5] = append(q.i[4], kind), append(q.i[5], letters)
		q.sum += letters
	}
	q.rows += int64(len(q.sel))
}

// q21 finds the number of a channel.
type q21 struct{ output }

var channelNumber = []byte("&channel_id=")

func (q *q21) add(b *block) {
	q.reset()
	for i := range b.bid.n {
		switch string(b.bid.s[bidChannel].at(i)) {
		case "Apple", "apple":
			q.s[0].add([]byte{'0'})
		case "Google", "google":
			q.s[0].add([]byte{'1'})
		case "Facebook", "facebook":
			q.s[0].add([]byte{'2'})
		case "Baidu", "baidu":
			q.s[0].add([]byte{'3'})
		default:
			url := b.bid.s[bidURL].at(i)
			at := bytes.Index(url, channelNumber)
			if at < 0 {
				continue
			}
			id := url[at+len(channelNumber):]
			if end := bytes.IndexByte(id, '&'); end >= 0 {
				id = id[:end]
			}
			q.s[0].add(id)
		}
		q.sel = append(q.sel, int32(i))
	}
	for k, c := range []int{bidAuction, bidBidder, bidPrice} {
		q.i[k] = gather(q.i[k], b.bid.i[c], q.sel)
	}
	q.s[1].gather(&b.bid.s[bidChannel], q.sel)
	q.rows += int64(len(q.sel))
	q.sum += int64(len(q.s[0].data))
}

// q22 takes a url apart.
type q22 struct{ output }

func (q *q22) add(b *block) {
	q.reset()
	for i := range b.bid.n {
		url := b.bid.s[bidURL].at(i)
		for part := range 6 {
			at := bytes.IndexByte(url, '/')
			word := url
			if at >= 0 {
				word, url = url[:at], url[at+1:]
			} else {
				url = nil
			}
			if part >= 3 {
				q.s[part-3].add(word)
			}
		}
	}
	q.rows += int64(b.bid.n)
	q.sum += int64(len(q.s[0].data) + len(q.s[1].data) + len(q.s[2].data))
}
