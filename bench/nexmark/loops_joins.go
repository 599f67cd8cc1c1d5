package main

import "slices"

// chains are lists of rows by a key's number: the newest first.
type chains struct {
	head []int32 // by number; -1: none
	next []int32 // by row
}

func (c *chains) grow(id int32) {
	for int(id) >= len(c.head) {
		c.head = append(c.head, -1)
	}
}

// add puts the next row before the others of a key.
func (c *chains) add(id int32) {
	c.next = append(c.next, c.head[id])
	c.head[id] = int32(len(c.next) - 1)
}

// q3 joins sellers of three states with their auctions of one category.
type q3 struct {
	output
	sellers  *table
	people   store   // name, city, state
	person   []int32 // by seller's number: row of people; -1: not come yet, or of another state
	auctions chains
	ids      []int64 // of auctions
}

func newQ3() loop {
	return &q3{sellers: newTable(), people: store{strs: 3}}
}

func (q *q3) seller(id int64) int32 {
	k, fresh := q.sellers.put(id)
	if fresh {
		q.person = append(q.person, -1)
		q.auctions.grow(k)
	}
	return k
}

func (q *q3) add(b *block) {
	q.reset()
	q.i[0] = q.i[0][:0]
	for i, id := range b.person.i[personID] {
		switch string(b.person.s[personState].at(i)) {
		case "or", "id", "ca":
			k := q.seller(id)
			q.person[k] = q.people.keep(&b.person, i, nil, []int{personName, personCity, personState})
			for r := q.auctions.head[k]; r >= 0; r = q.auctions.next[r] {
				q.emit(q.person[k], q.ids[r])
			}
		}
	}
	for i, c := range b.auction.i[auctionCategory] {
		if c == 10 {
			k := q.seller(b.auction.i[auctionSeller][i])
			id := b.auction.i[auctionID][i]
			q.auctions.add(k)
			q.ids = append(q.ids, id)
			if q.person[k] >= 0 {
				q.emit(q.person[k], id)
			}
		}
	}
}

func (q *q3) emit(person int32, auction int64) {
	c, r := q.people.at(person)
	for k := range c.strs {
		q.s[k].add(c.strs[k].at(r))
	}
	q.i[0] = append(q.i[0], auction)
	q.rows++
	q.sum += auction
}

// winners keeps all bids by auction, as state of a join that a later auction
// could still meet, and the best of each auction: highest price, then first.
type winners struct {
	ids  *table
	best []winner
	bids chains
	kept store // price, time and bidder of the bids, extra where asked for
	strs []int
}

type winner struct {
	known       bool // the auction has come
	id          int64
	from, until int64
	seller, cat int64
	price, at   int64 // of the best bid; price 0: none yet
	bid, row    int32 // the best bid, the auction, in their stores
	marked      bool  // the result has to be written anew
}

func newWinners(strs ...int) winners {
	return winners{ids: newTable(), kept: store{ints: 3, strs: len(strs)}, strs: strs}
}

func (w *winners) auction(id int64) int32 {
	k, fresh := w.ids.put(id)
	if fresh {
		w.best = append(w.best, winner{id: id})
		w.bids.grow(k)
	}
	return k
}

var bidFacts = []int{bidPrice, bidTime, bidBidder}

// add takes a block in; changed is called with the number of an auction and the
// winner before, for each change of one.
func (w *winners) add(b *block, row func(i int) int32, changed func(k int32, before winner)) {
	for i, id := range b.auction.i[auctionID] {
		k := w.auction(id)
		a := &w.best[k]
		before := *a
		a.known, a.from, a.until = true, b.auction.i[auctionTime][i], b.auction.i[auctionExpires][i]
		a.cat = b.auction.i[auctionCategory][i]
		if s := b.auction.i[auctionSeller]; len(s) > 0 {
			a.seller = s[i]
		}
		if row != nil {
			a.row = row(i)
		}
		for r := w.bids.head[k]; r >= 0; r = w.bids.next[r] {
			c, at := w.kept.at(r)
			if p, t := c.ints[0][at], c.ints[1][at]; t >= a.from && t <= a.until && (p > a.price || p == a.price && t <= a.at) {
				a.price, a.at, a.bid = p, t, r
			}
		}
		if a.price > 0 {
			changed(k, before)
		}
	}
	price, at := b.bid.i[bidPrice], b.bid.i[bidTime]
	for i, id := range b.bid.i[bidAuction] {
		k := w.auction(id)
		w.bids.add(k)
		r := w.kept.keep(&b.bid, i, bidFacts[:w.kept.ints], w.strs)
		a := &w.best[k]
		if t := at[i]; a.known && price[i] > a.price && t >= a.from && t <= a.until {
			before := *a
			a.price, a.at, a.bid = price[i], t, r
			changed(k, before)
		}
	}
}

// q4 is the mean of the winners' prices by category.
type q4 struct {
	winners
	sum, count [5]int64
}

func newQ4() loop {
	q := &q4{winners: newWinners()}
	q.kept.ints = 2
	return q
}

func (q *q4) add(b *block) {
	q.winners.add(b, nil, func(k int32, before winner) {
		a := &q.best[k]
		q.sum[a.cat-10] += a.price - before.price
		if before.price == 0 {
			q.count[a.cat-10]++
		}
	})
}

func (q *q4) finish() (rows, sum int64) {
	for c := range q.sum {
		if q.count[c] > 0 {
			rows++
			sum += q.sum[c] / q.count[c]
		}
	}
	return rows, sum
}

// q6 is the mean of a winner's price and those of the ten before it of the same
// seller. Sellers that changed are computed once a block.
type q6 struct {
	winners
	output
	sellers *table
	won     [][]winner // by seller's number, in the order of time and id
	dirty   []int32
	marked  []bool
}

func newQ6() loop {
	return &q6{winners: newWinners(), sellers: newTable()}
}

func byTime(a, b winner) int {
	switch {
	case a.at != b.at:
		return int(a.at - b.at)
	default:
		return int(a.id - b.id)
	}
}

func (q *q6) add(b *block) {
	q.winners.add(b, nil, func(k int32, before winner) {
		a := q.best[k]
		s, fresh := q.sellers.put(a.seller)
		if fresh {
			q.won, q.marked = append(q.won, nil), append(q.marked, false)
		}
		if before.price > 0 {
			at, _ := slices.BinarySearchFunc(q.won[s], before, byTime)
			q.won[s] = slices.Delete(q.won[s], at, at+1)
		} else {
			q.rows++
		}
		at, _ := slices.BinarySearchFunc(q.won[s], a, byTime)
		q.won[s] = slices.Insert(q.won[s], at, a)
		if !q.marked[s] {
			q.marked[s], q.dirty = true, append(q.dirty, s)
		}
	})
	q.i[0] = q.i[0][:0]
	for _, s := range q.dirty {
		q.marked[s] = false
		total := int64(0)
		for i, w := range q.won[s] {
			total += w.price
			if i > 10 {
				total -= q.won[s][i-11].price
			}
			q.i[0] = append(q.i[0], total/int64(min(i, 10)+1))
		}
	}
	q.dirty = q.dirty[:0]
}

func (q *q6) finish() (rows, sum int64) {
	for _, list := range q.won {
		for _, w := range list {
			sum += w.seller
		}
	}
	return q.rows, sum
}

// q8 joins the persons and the sellers of the same window.
type q8 struct {
	output
	open [2]newcomers // windows, in turns: a block touches two at the most
}

type newcomers struct {
	window  int64
	persons *table
	names   text
	sellers *table
}

func newQ8() loop {
	q := &q8{}
	for i := range q.open {
		q.open[i] = newcomers{window: -1, persons: newTable(), sellers: newTable()}
		q.open[i].names.reset()
	}
	return q
}

func (q *q8) window(t int64) *newcomers {
	w := t / window
	n := &q.open[w&1]
	if n.window != w {
		n.window = w
		n.persons.reset()
		n.sellers.reset()
		n.names.reset()
	}
	return n
}

func (q *q8) add(b *block) {
	q.reset()
	for i, id := range b.person.i[personID] {
		w := q.window(b.person.i[personTime][i])
		w.persons.put(id)
		w.names.add(b.person.s[personName].at(i))
		if w.sellers.find(id) >= 0 {
			q.emit(w, id)
		}
	}
	for i, s := range b.auction.i[auctionSeller] {
		w := q.window(b.auction.i[auctionTime][i])
		if _, fresh := w.sellers.put(s); fresh && w.persons.find(s) >= 0 {
			q.emit(w, s)
		}
	}
}

func (q *q8) emit(w *newcomers, id int64) {
	q.s[0].add(w.names.at(int(w.persons.find(id))))
	q.rows++
	q.sum += id
}

// q9 is the winners with all that is known of auction and bid. What changed is
// written once a block.
type q9 struct {
	winners
	output
	auctions store
	dirty    []int32
}

var (
	auctionInts = []int{auctionInitial, auctionReserve, auctionTime, auctionExpires, auctionSeller, auctionCategory}
	auctionStrs = []int{auctionItem, auctionDescription, auctionExtra}
)

func newQ9() loop {
	return &q9{winners: newWinners(bidExtra), auctions: store{ints: len(auctionInts), strs: len(auctionStrs)}}
}

func (q *q9) add(b *block) {
	keep := func(i int) int32 { return q.auctions.keep(&b.auction, i, auctionInts, auctionStrs) }
	q.winners.add(b, keep, func(k int32, before winner) {
		a := &q.best[k]
		if before.price == 0 {
			q.rows++
		}
		q.sum += a.price - before.price
		if !a.marked {
			a.marked, q.dirty = true, append(q.dirty, k)
		}
	})
	q.reset()
	for i := range q.i {
		q.i[i] = q.i[i][:0]
	}
	for _, k := range q.dirty {
		a := &q.best[k]
		a.marked = false
		c, r := q.auctions.at(a.row)
		for i := range c.ints {
			q.i[i] = append(q.i[i], c.ints[i][r])
		}
		for i := range c.strs {
			q.s[i].add(c.strs[i].at(r))
		}
		c, r = q.kept.at(a.bid)
		q.i[6], q.i[7] = append(q.i[6], c.ints[0][r]), append(q.i[7], c.ints[2][r])
		q.s[3].add(c.strs[0].at(r))
	}
	q.dirty = q.dirty[:0]
}

func (q *q9) finish() (rows, sum int64) { return q.output.finish() }

// q20 joins bids with the auctions of a category; both are kept whole.
type q20 struct {
	output
	ids      *table
	auction  []int32 // by number: row of auctions; -1: none
	auctions store
	bids     chains
	kept     store
}

var (
	bidInts = []int{bidAuction, bidBidder, bidPrice, bidTime}
	bidStrs = []int{bidChannel, bidURL, bidExtra}
)

func newQ20() loop {
	return &q20{ids: newTable(), auctions: store{ints: len(auctionInts), strs: len(auctionStrs)}, kept: store{ints: len(bidInts), strs: len(bidStrs)}}
}

func (q *q20) number(id int64) int32 {
	k, fresh := q.ids.put(id)
	if fresh {
		q.auction = append(q.auction, -1)
		q.bids.grow(k)
	}
	return k
}

func (q *q20) add(b *block) {
	q.reset()
	for i := range q.i {
		q.i[i] = q.i[i][:0]
	}
	for i, c := range b.auction.i[auctionCategory] {
		if c != 10 {
			continue
		}
		k := q.number(b.auction.i[auctionID][i])
		q.auction[k] = q.auctions.keep(&b.auction, i, auctionInts, auctionStrs)
		for r := q.bids.head[k]; r >= 0; r = q.bids.next[r] {
			c, at := q.kept.at(r)
			q.emit(k, c, at)
		}
	}
	for i, id := range b.bid.i[bidAuction] {
		k := q.number(id)
		q.bids.add(k)
		r := q.kept.keep(&b.bid, i, bidInts, bidStrs)
		if q.auction[k] >= 0 {
			c, at := q.kept.at(r)
			q.emit(k, c, at)
		}
	}
}

// emit writes a bid and its auction.
func (q *q20) emit(k int32, bid *chunk, at int) {
	a, r := q.auctions.at(q.auction[k])
	for i := range bid.ints {
		q.i[i] = append(q.i[i], bid.ints[i][at])
	}
	for i := range bid.strs {
		q.s[i].add(bid.strs[i].at(at))
	}
	for i := range 4 {
		q.i[4+i] = append(q.i[4+i], a.ints[i][r])
	}
	for i := range a.strs {
		q.s[3+i].add(a.strs[i].at(r))
	}
	q.rows++
	q.sum += bid.ints[2][at]
}
