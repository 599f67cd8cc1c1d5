package storage

import (
	"bytes"
	"cmp"
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
// differ are passed over. Many that are equal there are sorted likewise by what
// follows, a few are compared.
func sortEntries(es []entry, in arena) []entry {
	out := *entrySlices.Get().(*[]entry)
	if len(es) < radixFrom {
		return sortFew(append(out[:0], es...), in)
	}
	out = ofLength(out, len(es))
	return out[:sortInto(out, es, in)]
}

// sortInto writes the sorted entries to out, which is as long as es at least, and
// returns their number.
func sortInto(out, es []entry, in arena) (n int) {
	room := sortRooms.Get().(*sortRoom)
	defer sortRooms.Put(room)
	items := room.sortWords(es, in, sharedPrefix(es, in))
	for from := 0; from < len(items); {
		to := from
		for to < len(items) && items[to].word == items[from].word {
			out[n+to-from] = es[items[to].at]
			to++
		}
		switch alike := out[n : n+to-from]; {
		case len(alike) == 1:
			n++ // differs from all others
		case len(alike) < radixFrom:
			n += len(sortFew(alike, in))
		case len(alike) < len(es):
			n += sortInto(alike, slices.Clone(alike), in)
		default:
			n += len(sortAlike(alike, in))
		}
		from = to
	}
	return n
}

// fewItem is an entry with its word.
type fewItem struct {
	word uint64
	entry
}

// sortFew sorts fewer than radixFrom entries, in place.
func sortFew(es []entry, in arena) []entry {
	if len(es) < 2 {
		return es
	}
	var few [radixFrom]fewItem
	skip := sharedPrefix(es, in)
	for i, e := range es {
		few[i].word, few[i].entry = sortWord(e.key(in), skip), e
	}
	items := few[:len(es)]
	slices.SortFunc(items, func(a, b fewItem) int {
		if a.word != b.word {
			return cmp.Compare(a.word, b.word)
		}
		return compareChange(a.entry, b.entry, in)
	})
	for i := range items {
		es[i] = items[i].entry
	}
	return lastOfEach(es, in)
}

// sortAlike sorts entries, in place, that are in the order of their times. It looks
// for repeated keys first: all may be the same.
func sortAlike(es []entry, in arena) []entry {
	es = lastOfEach(es, in)
	slices.SortFunc(es, func(a, b entry) int { return compareChange(a, b, in) })
	return lastOfEach(es, in)
}

// sortWord is what keys are sorted by that are alike in the first skip bytes behind
// the vnode.
func sortWord(key []byte, skip int) uint64 {
	return prefixOf(VNode(key[keyHead-1]), key[keyHead+skip:])
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
		w := sortWord(e.key(in), skip)
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
