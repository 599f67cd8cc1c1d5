package storage

import (
	"bytes"
	"slices"
	"sync"
)

// radixFrom is the number of entries from which on they are sorted by radix.
const radixFrom = 256

// sortItem stands for an entry while they are sorted: the vnode and the seven bytes
// of the key behind those that all keys share, and the entry's number.
type sortItem struct {
	word uint64
	at   uint32
}

// sortRoom is what sorting needs besides its result.
type sortRoom struct{ items, spare []sortItem }

var (
	sortRooms   = sync.Pool{New: func() any { return new(sortRoom) }}
	entrySlices = sync.Pool{New: func() any { return new([]entry) }}
)

// giveEntries takes back what sortEntries returned, when nobody reads it any more.
func giveEntries(es []entry) { entrySlices.Put(&es) }

// ofLength is a slice of n elements, in the memory of an old one if there is room.
func ofLength[T any](old []T, n int) []T {
	if cap(old) < n {
		return make([]T, n)
	}
	return old[:n]
}

// sortEntries returns the entries by key, the last change of each. es stays as it is.
//
// Keys of one table begin alike as a rule, so that what tells them apart is moved
// into one word and sorted byte by byte, the last one first; bytes that do not
// differ are passed over. Only what is equal there is compared in full.
func sortEntries(es []entry, in arena) []entry {
	if len(es) < radixFrom {
		out := slices.Clone(es)
		slices.SortFunc(out, func(a, b entry) int { return compareChange(a, b, in) })
		return lastOfEach(out, in)
	}
	room := sortRooms.Get().(*sortRoom)
	defer sortRooms.Put(room)
	items := room.sortWords(es, in, sharedPrefix(es, in))
	out := ofLength(*entrySlices.Get().(*[]entry), len(es))
	n := 0
	for from := 0; from < len(items); {
		to := from
		for to < len(items) && items[to].word == items[from].word {
			out[n+to-from] = es[items[to].at]
			to++
		}
		if to-from == 1 {
			n++ // differs from all others
		} else {
			alike := out[n : n+to-from]
			slices.SortFunc(alike, func(a, b entry) int { return compareChange(a, b, in) })
			n += len(lastOfEach(alike, in))
		}
		from = to
	}
	return out[:n]
}

// compareChange orders by key, and changes of the same key by time.
func compareChange(a, b entry, in arena) int {
	if c := compareEntry(a, in, b, in); c != 0 {
		return c
	}
	return a.off - b.off
}

// lastOfEach keeps the last of equal keys, in place.
func lastOfEach(es []entry, in arena) []entry {
	n := 0
	for i := range es {
		if i+1 < len(es) && es[i].prefix == es[i+1].prefix && bytes.Equal(es[i].key(in), es[i+1].key(in)) {
			continue
		}
		es[n] = es[i]
		n++
	}
	return es[:n]
}

// sharedPrefix is the number of bytes behind the vnode in which all keys are alike.
func sharedPrefix(es []entry, in arena) int {
	first := es[0].key(in)[keyHead:]
	shared := len(first)
	for _, e := range es[1:] {
		k := e.key(in)[keyHead:]
		shared = min(shared, len(k))
		if bytes.Equal(k[:shared], first[:shared]) {
			continue
		}
		n := 0
		for k[n] == first[n] {
			n++
		}
		shared = n
	}
	return shared
}

// sortWords sorts the entries' words, stably. The result is the room's.
func (r *sortRoom) sortWords(es []entry, in arena, skip int) []sortItem {
	r.items, r.spare = ofLength(r.items, len(es)), ofLength(r.spare, len(es))
	items, spare := r.items, r.spare
	var counts [8][256]uint32
	for i, e := range es {
		k := e.key(in)
		w := prefixOf(k[keyHead-1], k[keyHead+skip:])
		items[i] = sortItem{w, uint32(i)}
		for b := range counts {
			counts[b][byte(w>>(8*b))]++
		}
	}
	for b := range counts {
		c := &counts[b]
		if c[byte(items[0].word>>(8*b))] == uint32(len(es)) {
			continue // all alike
		}
		sum := uint32(0)
		for v := range c {
			sum, c[v] = sum+c[v], sum
		}
		for _, it := range items {
			v := byte(it.word >> (8 * b))
			spare[c[v]] = it
			c[v]++
		}
		items, spare = spare, items
	}
	return items
}
