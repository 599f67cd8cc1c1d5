package main

// q18 keeps the last bid of each bidder on each auction, whole.
type q18 struct {
	keys *table
	last []int32 // by key: row of kept
	kept store
}

func newQ18() loop {
	return &q18{keys: newTable(), kept: store{ints: len(bidInts), strs: len(bidStrs)}}
}

func (q *q18) add(b *block) {
	who := b.bid.i[bidBidder]
	for i, a := range b.bid.i[bidAuction] {
		k, fresh := q.keys.put(pair(a, who[i]))
		if fresh {
			q.last = append(q.last, 0)
		}
		q.last[k] = q.kept.keep(&b.bid, i, bidInts, bidStrs)
	}
	if int(q.kept.n) > 2*len(q.last)+1<<16 {
		compact(&q.kept, q.last)
	}
}

// compact leaves only the rows that are referred to.
func compact(s *store, refs []int32) {
	old := s.renew()
	for i, r := range refs {
		refs[i] = s.copyOf(&old, r)
	}
	s.giveBack(old)
}

func (q *q18) finish() (rows, sum int64) {
	for _, r := range q.last {
		c, at := q.kept.at(r)
		sum += c.ints[0][at] + c.ints[3][at]%day
	}
	return int64(len(q.last)), sum
}

// q19 keeps the ten highest bids of each auction, whole.
type q19 struct {
	auctions *table
	top      []int32 // ten of each auction: rows of kept, highest first
	price    []int64 // of them
	n        []int32 // how many there are
	kept     store
}

const tops = 10

func newQ19() loop {
	return &q19{auctions: newTable(), kept: store{ints: len(bidInts), strs: len(bidStrs)}}
}

func (q *q19) add(b *block) {
	price := b.bid.i[bidPrice]
	for i, a := range b.bid.i[bidAuction] {
		k, fresh := q.auctions.put(a)
		if fresh {
			q.n = append(q.n, 0)
			q.top = append(q.top, make([]int32, tops)...)
			q.price = append(q.price, make([]int64, tops)...)
		}
		prices, refs := q.price[k*tops:][:tops], q.top[k*tops:][:tops]
		at := q.n[k]
		if at == tops {
			if at--; price[i] <= prices[at] {
				continue
			}
		} else {
			q.n[k]++
		}
		for ; at > 0 && prices[at-1] < price[i]; at-- {
			prices[at], refs[at] = prices[at-1], refs[at-1]
		}
		prices[at], refs[at] = price[i], q.kept.keep(&b.bid, i, bidInts, bidStrs)
	}
	if int(q.kept.n) > 2*len(q.top)+1<<16 {
		q.compact()
	}
}

func (q *q19) compact() {
	old := q.kept.renew()
	for k, n := range q.n {
		for i, r := range q.top[k*tops:][:n] {
			q.top[k*tops+i] = q.kept.copyOf(&old, r)
		}
	}
	q.kept.giveBack(old)
}

func (q *q19) finish() (rows, sum int64) {
	for k, n := range q.n {
		rows += int64(n)
		for i, p := range q.price[k*tops:][:n] {
			sum += p * int64(i+1)
		}
	}
	return rows, sum
}
