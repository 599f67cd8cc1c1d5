package main

// The loops a specialist would write for one query: columns in memory, maps
// where state is needed, no SQL, no durability. Each returns a number that
// depends on its whole result.

const second = 1_000_000 // microseconds

// Positions in wanted.
const (
	pID    = 0
	pName  = 1
	pState = 3
	pTime  = 4

	aID       = 0
	aSeller   = 1
	aCategory = 2
	aTime     = 3
	aExpires  = 4

	bAuction = 0
	bPrice   = 2
	bTime    = 3
)

// The windows of q5, q7 and q8.
const (
	window = 10 * second
	slide  = 2 * second
)

// loopQ0 copies every column.
func loopQ0(e *events) int {
	n := 0
	for _, b := range e.bid {
		for c := range b.cols {
			v := &b.cols[c]
			if v.Off != nil {
				data := append([]byte(nil), v.Data...)
				off := append([]int32(nil), v.Off...)
				n += len(data) + len(off)
				continue
			}
			out := append([]int64(nil), v.I64...)
			n += len(out)
		}
	}
	return n
}

func loopQ1(e *events) int {
	n := 0
	for _, b := range e.bid {
		price := b.cols[bPrice].I64
		out := make([]float64, len(price))
		for i, p := range price {
			out[i] = 0.908 * float64(p)
		}
		n += int(out[len(out)-1])
	}
	return n
}

func loopQ2(e *events) int {
	n := 0
	for _, b := range e.bid {
		auction, price := b.cols[bAuction].I64, b.cols[bPrice].I64
		for i, a := range auction {
			if a%123 == 0 {
				n += int(a ^ price[i])
			}
		}
	}
	return n
}

func loopQ3(e *events) int {
	names := map[int64]int32{}
	for k, b := range e.person {
		for i, id := range b.cols[pID].I64 {
			switch string(b.cols[pState].Bytes(i)) {
			case "or", "id", "ca":
				names[id] = int32(k*4096 + i)
			}
		}
	}
	n := 0
	for _, b := range e.auction {
		for i, c := range b.cols[aCategory].I64 {
			if c == 10 {
				if row, ok := names[b.cols[aSeller].I64[i]]; ok {
					n += int(row) ^ int(b.cols[aID].I64[i])
				}
			}
		}
	}
	return n
}

func loopQ4(e *events) int {
	type auction struct{ category, from, until, best int64 }
	open := map[int64]int32{}
	var auctions []auction
	for _, b := range e.auction {
		for i, id := range b.cols[aID].I64 {
			open[id] = int32(len(auctions))
			auctions = append(auctions, auction{b.cols[aCategory].I64[i], b.cols[aTime].I64[i], b.cols[aExpires].I64[i], 0})
		}
	}
	for _, b := range e.bid {
		price, at := b.cols[bPrice].I64, b.cols[bTime].I64
		for i, id := range b.cols[bAuction].I64 {
			if k, ok := open[id]; ok {
				if a := &auctions[k]; at[i] >= a.from && at[i] <= a.until && price[i] > a.best {
					a.best = price[i]
				}
			}
		}
	}
	sum, count := map[int64]int64{}, map[int64]int64{}
	for _, a := range auctions {
		if a.best > 0 {
			sum[a.category] += a.best
			count[a.category]++
		}
	}
	n := 0
	for c := range sum {
		n += int(sum[c] / count[c])
	}
	return n
}

// loopQ5 counts by pane of a slide and adds panes up when a window closes.
func loopQ5(e *events) int {
	panes := map[int64]map[int64]int64{} // pane start -> auction -> count
	n, closed := 0, int64(0)
	finish := func(start int64) {
		counts := map[int64]int64{}
		for p := start; p < start+window; p += slide {
			for a, k := range panes[p] {
				counts[a] += k
			}
		}
		most := int64(0)
		for _, k := range counts {
			most = max(most, k)
		}
		for a, k := range counts {
			if k == most {
				n += int(a)
			}
		}
		delete(panes, start)
	}
	var pane map[int64]int64
	last := int64(-1)
	for _, b := range e.bid {
		at := b.cols[bTime].I64
		for i, a := range b.cols[bAuction].I64 {
			if p := at[i] / slide * slide; p != last {
				if pane = panes[p]; pane == nil {
					pane = map[int64]int64{}
					panes[p] = pane
				}
				if closed == 0 {
					closed = p - window + slide
				}
				for ; closed+window <= p; closed += slide {
					finish(closed)
				}
				last = p
			}
			pane[a]++
		}
	}
	for ; closed <= last; closed += slide {
		finish(closed)
	}
	return n
}

// loopQ7 keeps the candidates of the window now open.
func loopQ7(e *events) int {
	n, end, most := 0, int64(0), int64(0)
	var best []int64
	flush := func() {
		for _, a := range best {
			n += int(a)
		}
		best, most = best[:0], 0
	}
	for _, b := range e.bid {
		price, at := b.cols[bPrice].I64, b.cols[bTime].I64
		for i, a := range b.cols[bAuction].I64 {
			if at[i] >= end {
				flush()
				end = at[i]/window*window + window
			}
			if price[i] > most {
				most, best = price[i], best[:0]
			}
			if price[i] == most {
				best = append(best, a)
			}
		}
	}
	flush()
	return n
}

func loopQ8(e *events) int {
	type key struct{ id, start int64 }
	sells := map[key]bool{}
	for _, b := range e.auction {
		at := b.cols[aTime].I64
		for i, s := range b.cols[aSeller].I64 {
			sells[key{s, at[i] / window}] = true
		}
	}
	n := 0
	for _, b := range e.person {
		at := b.cols[pTime].I64
		for i, id := range b.cols[pID].I64 {
			if sells[key{id, at[i] / window}] {
				n += len(b.cols[pName].Bytes(i))
			}
		}
	}
	return n
}
