package storage

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestCutSpans cuts deltas of any sizes: the files have all changes in order, are
// not too large, and at most one is small.
func TestCutSpans(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for round := range 200 {
		var deltas []sortedDelta
		var want []string
		for table := range 1 + rng.IntN(4) {
			d := &Delta{table: FirstTableID + TableID(table)}
			value := make([]byte, rng.IntN(100))
			for i := range 1 + rng.IntN(300) {
				key := fmt.Appendf(nil, "%06d", i)
				d.append(VNode(7), key, value, uint32(len(value)))
			}
			deltas = append(deltas, sortedDelta{d, d.sorted()})
			for _, e := range deltas[table].sorted {
				want = append(want, string(e.key(d.arena)))
			}
		}
		rng.Shuffle(len(deltas), func(i, j int) { deltas[i], deltas[j] = deltas[j], deltas[i] })
		if !disjoint(deltas) {
			t.Fatal("deltas of different tables overlap")
		}
		cores, least := 1+rng.IntN(5), 1+rng.IntN(5000)
		files := cutSpans(deltas, cores, least)
		if len(files) > cores+1 {
			t.Errorf("round %d: %d files for %d cores", round, len(files), cores)
		}
		var got []string
		for i, file := range files {
			size := 0
			for _, s := range file {
				for _, e := range s.changes {
					got = append(got, string(e.key(s.arena)))
					size += len(e.key(s.arena)) + len(e.value(s.arena))
				}
			}
			if i < len(files)-1 && size < least/2 {
				t.Errorf("round %d: a file of %d bytes, at least %d", round, size, least)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("round %d: %d changes, want %d, or in another order", round, len(got), len(want))
		}
	}
}

// TestDisjoint finds deltas of one table whose keys mix.
func TestDisjoint(t *testing.T) {
	make := func(keys ...string) sortedDelta {
		d := &Delta{table: FirstTableID}
		for _, k := range keys {
			d.append(0, []byte(k), nil, 0)
		}
		return sortedDelta{d, d.sorted()}
	}
	a, b, c := make("a", "c"), make("b", "d"), make("x")
	if disjoint([]sortedDelta{a, b}) || disjoint([]sortedDelta{a, a}) {
		t.Error("keys that mix are taken for disjoint")
	}
	if both := []sortedDelta{c, a}; !disjoint(both) || !bytes.Equal(both[0].first(), a.first()) {
		t.Error("disjoint deltas are not put in order")
	}
}
