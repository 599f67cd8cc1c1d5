package main

// The windows of q5, q7, q8, q11 and q12, in microseconds.
const (
	window = 10_000_000
	slide  = 2_000_000
)

// q5 counts by pane of a slide and adds five of them up whenever one closes.
type q5 struct {
	output
	pane   int64 // the open one's number; -1: none yet
	ids    *table
	keys   []int64
	counts []int64
	closed [5]counted // the last ones, by number modulo five
	all    *table
	totals []int64
}

// counted is a closed pane.
type counted struct {
	pane         int64
	keys, counts []int64
}

func newQ5() loop {
	q := &q5{pane: -1, ids: newTable(), all: newTable()}
	for i := range q.closed {
		q.closed[i].pane = -1
	}
	return q
}

func (q *q5) add(b *block) {
	at := b.bid.i[bidTime]
	for i, a := range b.bid.i[bidAuction] {
		if p := at[i] / slide; p != q.pane {
			q.advance(p)
		}
		k, fresh := q.ids.put(a)
		if fresh {
			q.keys, q.counts = append(q.keys, a), append(q.counts, 0)
		}
		q.counts[k]++
	}
}

// advance closes the open pane and the windows that end before pane p.
func (q *q5) advance(p int64) {
	if q.pane >= 0 {
		c := &q.closed[q.pane%5]
		c.pane = q.pane
		c.keys, q.keys = q.keys, c.keys[:0]
		c.counts, q.counts = q.counts, c.counts[:0]
		for last := q.pane; last < min(p, q.pane+5); last++ {
			q.emit(last)
		}
	}
	q.ids.reset()
	q.pane = p
}

// emit writes the auctions with the most bids in the window that ends with a pane.
func (q *q5) emit(last int64) {
	q.all.reset()
	q.totals, q.i[0] = q.totals[:0], q.i[0][:0]
	most := int64(0)
	for i := range q.closed {
		c := &q.closed[i]
		if c.pane < 0 || c.pane > last || c.pane <= last-5 {
			continue
		}
		for i, a := range c.keys {
			k, fresh := q.all.put(a)
			if fresh {
				q.totals, q.i[0] = append(q.totals, 0), append(q.i[0], a)
			}
			q.totals[k] += c.counts[i]
			most = max(most, q.totals[k])
		}
	}
	for _, n := range q.totals {
		if n == most {
			q.rows++
			q.sum += n
		}
	}
}

func (q *q5) finish() (rows, sum int64) {
	if q.pane >= 0 {
		q.advance(q.pane + 5)
		q.pane = -1
	}
	return q.rows, q.sum
}

// q7 keeps the highest bids of the open window.
type q7 struct {
	output
	window, most int64
	best         store
}

func newQ7() loop { return &q7{best: store{ints: len(bidInts), strs: 1}} }

func (q *q7) add(b *block) {
	price := b.bid.i[bidPrice]
	for i, t := range b.bid.i[bidTime] {
		if w := t / window; w != q.window {
			q.flush()
			q.window = w
		}
		if price[i] >= q.most {
			if price[i] > q.most {
				q.most = price[i]
				q.best.giveBack(q.best.renew())
			}
			q.best.keep(&b.bid, i, bidInts, []int{bidExtra})
		}
	}
}

func (q *q7) flush() {
	q.rows += int64(q.best.n)
	q.sum += int64(q.best.n) * q.most
	q.most = 0
	q.best.giveBack(q.best.renew())
}

func (q *q7) finish() (rows, sum int64) {
	q.flush()
	return q.output.finish()
}

// q11 counts the bids of each bidder's sessions.
type q11 struct {
	output
	bidders *table
	open    []session
}

type session struct{ from, last, count int64 }

func newQ11() loop { return &q11{bidders: newTable()} }

func (q *q11) add(b *block) {
	at := b.bid.i[bidTime]
	for i, who := range b.bid.i[bidBidder] {
		k, fresh := q.bidders.put(who)
		if fresh {
			q.open = append(q.open, session{from: at[i], last: at[i]})
		}
		s := &q.open[k]
		if at[i]-s.last >= window {
			q.rows++
			q.sum += s.count
			*s = session{from: at[i]}
		}
		s.last = at[i]
		s.count++
	}
}

func (q *q11) finish() (rows, sum int64) {
	for _, s := range q.open {
		q.rows++
		q.sum += s.count
	}
	q.open = nil
	return q.rows, q.sum
}

// q12 counts the bids of each bidder in a window of time. The query's windows
// are of the clock; these are as long in event time.
type q12 struct {
	output
	window  int64
	bidders *table
	counts  []int64
}

func newQ12() loop { return &q12{bidders: newTable()} }

func (q *q12) add(b *block) {
	at := b.bid.i[bidTime]
	for i, who := range b.bid.i[bidBidder] {
		if w := at[i] / window; w != q.window {
			q.flush()
			q.window = w
		}
		k, fresh := q.bidders.put(who)
		if fresh {
			q.counts = append(q.counts, 0)
		}
		q.counts[k]++
	}
}

func (q *q12) flush() {
	for _, n := range q.counts {
		q.rows++
		q.sum += n
	}
	q.bidders.reset()
	q.counts = q.counts[:0]
}

func (q *q12) finish() (rows, sum int64) {
	q.flush()
	return q.rows, q.sum
}

// ranks are the counters of q15 and of a group of q16: bids, bidders and auctions,
// each all together and by price.
type ranks [12]int64

const (
	countBids     = 0
	countBidders  = 4
	countAuctions = 8
)

// rank is 1 to 3, by price.
func rank(price int64) int {
	switch {
	case price < 10_000:
		return 1
	case price < 1_000_000:
		return 2
	}
	return 3
}

// distinct counts keys once for each rank and once in all: a bit each.
type distinct struct {
	ids  *table
	seen []uint8
}

func (d *distinct) add(key int64, rank int, counters []int64) {
	k, fresh := d.ids.put(key)
	if fresh {
		d.seen = append(d.seen, 0)
		counters[0]++
	}
	if d.seen[k]&(1<<rank) == 0 {
		d.seen[k] |= 1 << rank
		counters[rank]++
	}
}

// weigh is the sum that the checks of q15 and q16 compute of a row.
func (r *ranks) weigh() (sum int64) {
	for i, n := range r {
		sum += int64(i+1) * n
	}
	return sum
}

const day = 86_400_000_000

// q15 counts bids, bidders and auctions of a day.
type q15 struct {
	day               int64
	bidders, auctions distinct
	now               ranks
	tally
}

func newQ15() loop {
	return &q15{bidders: distinct{ids: newTable()}, auctions: distinct{ids: newTable()}}
}

func (q *q15) add(b *block) {
	at, who, what := b.bid.i[bidTime], b.bid.i[bidBidder], b.bid.i[bidAuction]
	for i, p := range b.bid.i[bidPrice] {
		if d := at[i] / day; d != q.day {
			q.flush()
			q.day = d
		}
		r := rank(p)
		q.now[countBids]++
		q.now[countBids+r]++
		q.bidders.add(who[i], r, q.now[countBidders:])
		q.auctions.add(what[i], r, q.now[countAuctions:])
	}
}

func (q *q15) flush() {
	if q.now[countBids] > 0 {
		q.rows++
		q.sum += q.now.weigh()
	}
	q.now = ranks{}
	for _, d := range []*distinct{&q.bidders, &q.auctions} {
		d.ids.reset()
		d.seen = d.seen[:0]
	}
}

func (q *q15) finish() (rows, sum int64) {
	q.flush()
	return q.tally.finish()
}

// q16 does so for each channel, and knows the last minute.
type q16 struct {
	day               int64
	channels          *dictionary
	bidders, auctions distinct // of channel and number
	now               []ranks  // by channel
	minute            []int64
	tally
}

func newQ16() loop {
	return &q16{channels: newDictionary(), bidders: distinct{ids: newTable()}, auctions: distinct{ids: newTable()}}
}

func (q *q16) add(b *block) {
	at, who, what := b.bid.i[bidTime], b.bid.i[bidBidder], b.bid.i[bidAuction]
	for i, p := range b.bid.i[bidPrice] {
		if d := at[i] / day; d != q.day {
			q.flush()
			q.day = d
		}
		c := q.channels.put(b.bid.s[bidChannel].at(i))
		for int(c) >= len(q.now) {
			q.now, q.minute = append(q.now, ranks{}), append(q.minute, 0)
		}
		r := rank(p)
		now := &q.now[c]
		now[countBids]++
		now[countBids+r]++
		q.minute[c] = max(q.minute[c], at[i]%day)
		q.bidders.add(pair(int64(c), who[i]), r, now[countBidders:])
		q.auctions.add(pair(int64(c), what[i]), r, now[countAuctions:])
	}
}

func (q *q16) flush() {
	for i := range q.now {
		q.rows++
		q.sum += q.now[i].weigh()
	}
	q.channels, q.now, q.minute = newDictionary(), q.now[:0], q.minute[:0]
	for _, d := range []*distinct{&q.bidders, &q.auctions} {
		d.ids.reset()
		d.seen = d.seen[:0]
	}
}

func (q *q16) finish() (rows, sum int64) {
	q.flush()
	return q.tally.finish()
}

// q17 is statistics by auction and day.
type q17 struct {
	groups *table
	stats  []stats
}

type stats struct {
	count            [4]int64
	least, most, sum int64
}

func newQ17() loop { return &q17{groups: newTable()} }

func (q *q17) add(b *block) {
	at, price := b.bid.i[bidTime], b.bid.i[bidPrice]
	for i, a := range b.bid.i[bidAuction] {
		k, fresh := q.groups.put(pair(at[i]/day, a))
		p := price[i]
		if fresh {
			q.stats = append(q.stats, stats{least: p})
		}
		s := &q.stats[k]
		s.count[0]++
		s.count[rank(p)]++
		s.least, s.most = min(s.least, p), max(s.most, p)
		s.sum += p
	}
}

func (q *q17) finish() (rows, sum int64) {
	for _, s := range q.stats {
		rows++
		sum += s.sum + s.least + s.most + s.count[1] + 2*s.count[2] + 3*s.count[3]
	}
	return rows, sum
}
