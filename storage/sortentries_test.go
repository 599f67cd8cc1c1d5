package storage

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSortEntries: the order and the last change of each key, as a plain sort gives
// them, for keys that share beginnings, are prefixes of one another, or repeat.
func TestSortEntries(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 100 {
		d := &Delta{table: 20}
		n := []int{1, 10, radixFrom, 3000}[round%5%4]
		shared := make([]byte, rng.IntN(12))
		key := func() []byte {
			k := slices.Clone(shared)
			switch round % 4 {
			case 3: // some words of few values each
				for range 3 {
					k = binary.BigEndian.AppendUint64(k, rng.Uint64N(4)<<32)
				}
				return k
			case 0: // zeros, and ends that differ in length
				return append(k, make([]byte, rng.IntN(12))...)
			case 1:
				return binary.BigEndian.AppendUint64(k, rng.Uint64N(uint64(n)))
			}
			for range rng.IntN(10) {
				k = append(k, byte(rng.IntN(3)))
			}
			return k
		}
		for i := range n {
			v := VNode(rng.IntN(1 + round%5))
			if rng.IntN(4) == 0 {
				d.append(v, key(), nil, tombstone)
			} else {
				d.append(v, key(), []byte{byte(i)}, 1)
			}
		}
		want := slices.Clone(d.entries)
		slices.SortStableFunc(want, func(a, b entry) int { return bytes.Compare(a.key(d.arena), b.key(d.arena)) })
		last := want[:0]
		for i, e := range want {
			if i+1 == len(want) || !bytes.Equal(e.key(d.arena), want[i+1].key(d.arena)) {
				last = append(last, e)
			}
		}
		before := slices.Clone(d.entries)
		if got := d.sorted(); !slices.Equal(got, last) {
			t.Fatalf("round %d: %d entries, %d of them sorted, want %d", round, n, len(got), len(last))
		}
		if !slices.Equal(before, d.entries) {
			t.Fatal("the delta was changed")
		}
	}
}

// BenchmarkSortEntries sorts 50,000 changes with the keys of integers, and of two
// times of a window before them.
func BenchmarkSortEntries(b *testing.B) {
	for _, c := range []struct {
		name   string
		before []uint64 // each of them, in turns
	}{{"integer", nil}, {"window, integer", []uint64{1e15, 1e15 + 1e7, 1e15 + 2e7, 1e15 + 3e7}}} {
		b.Run(c.name, func(b *testing.B) {
			d := &Delta{table: 20}
			for n, i := range rand.Perm(50_000) {
				k := []byte{1}
				if c.before != nil {
					start := c.before[n%len(c.before)]
					k = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(k, start), start+1e7)
				}
				k = binary.BigEndian.AppendUint64(k, uint64(i)|1<<63)
				d.append(VNode(hashTag(k)), k, k, uint32(len(k)))
			}
			for b.Loop() {
				giveEntries(d.sorted())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(d.entries)), "ns/row")
		})
	}
}
