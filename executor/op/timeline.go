package op

import "container/heap"

// timeline lists ids by a time, to be found when that is past. Most are soon after
// they came, so those of an epoch wait in a list, and only what is left of it is put
// in order. An id that was freed and given out again may stand in it twice.
type timeline struct {
	fresh paged[windowKey]
	n     int32 // so many of fresh
	later windowHeap
}

func (t *timeline) add(time int64, id int32) {
	t.fresh.put(t.n, windowKey{time, id})
	t.n++
}

// due takes out what is at or below a time, and hands it on.
func (t *timeline) due(upTo int64, each func(windowKey)) {
	for i := range t.n {
		if k := t.fresh.at(i); k.time <= upTo {
			each(k)
		} else {
			heap.Push(&t.later, k)
		}
	}
	t.n = 0
	for len(t.later) > 0 && t.later[0].time <= upTo {
		each(heap.Pop(&t.later).(windowKey))
	}
}

func (t *timeline) bytes() int64 { return int64(16 * (t.fresh.size() + cap(t.later))) }

// windowHeap orders ids by their time, the earliest first.
type windowHeap []windowKey

type windowKey struct {
	time int64
	id   int32
}

func (h windowHeap) Len() int           { return len(h) }
func (h windowHeap) Less(a, b int) bool { return h[a].time < h[b].time }
func (h windowHeap) Swap(a, b int)      { h[a], h[b] = h[b], h[a] }

// Push and Pop serve container/heap.
func (h *windowHeap) Push(x any) { *h = append(*h, x.(windowKey)) }

// Pop serves container/heap.
func (h *windowHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
