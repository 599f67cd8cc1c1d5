package op

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestClock compares the clock with one that goes entry by entry.
func TestClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(t, "entries")
		var c clock
		c.grow(n)
		live, used := make([]bool, n), make([]bool, n)
		words := make([]uint64, len(c.used))
		for id := range live {
			live[id] = rapid.Bool().Draw(t, "live")
			if live[id] {
				words[id>>6] |= 1 << (id & 63)
			}
		}
		for range rapid.IntRange(1, 5).Draw(t, "rounds") {
			for range rapid.IntRange(0, 100).Draw(t, "uses") {
				id := rapid.IntRange(0, n-1).Draw(t, "id")
				c.use(int32(id))
				used[id] = true
			}
			want := rapid.IntRange(0, n).Draw(t, "want")
			got := c.pick(words, want, nil)
			there, idle := 0, 0
			for id := range live {
				if live[id] {
					there++
					if !used[id] {
						idle++
					}
				}
			}
			if len(got) != min(want, there) {
				t.Fatalf("%d of %d entries leave, %d are wanted", len(got), there, want)
			}
			spared := 0
			for k, id := range got {
				if !live[id] || slices.Contains(got[:k], id) {
					t.Fatalf("entry %d leaves twice or is not there", id)
				}
				if used[id] {
					spared++
				}
			}
			if spared > 0 && len(got)-spared < idle {
				t.Fatalf("%d used entries leave, and only %d of %d others", spared, len(got)-spared, idle)
			}
			for _, id := range got {
				live[id] = false
				words[id>>6] &^= 1 << (id & 63)
				c.forget(id)
			}
			for id := range used { // the hand took second chances: its own bits say which
				used[id] = c.used[id>>6]&(1<<(id&63)) != 0
			}
		}
	})
}
