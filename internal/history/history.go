package history

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Outcome is what a client knows of a transaction.
type Outcome int

// The outcomes.
const (
	Committed Outcome = iota
	Aborted           // it certainly had no effect
	Unknown           // the answer to its COMMIT was lost
)

// Op is a read of a list or an append to it.
type Op struct {
	Key    int
	Append bool
	Value  int   // Append: unique among all appends to all lists
	Read   []int // else: the list as it was seen
}

// Txn is a transaction as its client saw it.
type Txn struct {
	Ops        []Op
	Began      time.Time // before its first statement was sent
	Ended      time.Time // after its answer was there
	Outcome    Outcome
	Client     int
	Annotation string // for people
}

// Check returns what is wrong with a history under strict serializability, in
// words; nil: nothing is. What a transaction read counts only if it committed: one
// without an answer may have been aborted, and seen its own appends before.
func Check(txns []Txn) []string {
	c := &checker{txns: txns, order: map[int][]int{}, writer: map[int]int{}}
	c.writers()
	c.own()
	c.orders()
	c.reads()
	if len(c.found) > 0 {
		return c.found // a graph of wrong orders says nothing
	}
	c.graph()
	c.cycles()
	return c.found
}

type checker struct {
	txns   []Txn
	order  map[int][]int // per key: the longest list that was read
	writer map[int]int   // value -> transaction
	edges  [][]edge
	found  []string
}

type edge struct {
	to   int
	kind string
}

func (c *checker) report(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

func (c *checker) writers() {
	for i := range c.txns {
		for _, op := range c.txns[i].Ops {
			if op.Append {
				c.writer[op.Value] = i
			}
		}
	}
}

// own checks that a transaction sees its own appends, and what it saw before, and
// returns nothing new in between.
func (c *checker) own() {
	for i := range c.txns {
		if c.txns[i].Outcome == Aborted {
			continue
		}
		seen, added := map[int][]int{}, map[int][]int{}
		for _, op := range c.txns[i].Ops {
			if op.Append {
				added[op.Key] = append(added[op.Key], op.Value)
				if before, ok := seen[op.Key]; ok {
					seen[op.Key] = append(slices.Clone(before), op.Value)
				}
				continue
			}
			if before, ok := seen[op.Key]; ok && !slices.Equal(before, op.Read) {
				c.report("internal: %s read %d as %v, which should have been %v", c.name(i), op.Key, op.Read, before)
			}
			if n, own := len(op.Read), added[op.Key]; n < len(own) || !slices.Equal(op.Read[n-len(own):], own) {
				c.report("internal: %s read %d as %v without its own %v", c.name(i), op.Key, op.Read, own)
			}
			seen[op.Key] = op.Read
		}
	}
}

// orders finds the longest list of each key; all others must be beginnings of it.
func (c *checker) orders() {
	c.eachRead(func(i int, op Op) {
		if long := c.order[op.Key]; len(op.Read) > len(long) {
			c.order[op.Key] = op.Read
		}
	})
	c.eachRead(func(i int, op Op) {
		if long := c.order[op.Key]; !slices.Equal(long[:len(op.Read)], op.Read) {
			c.report("incompatible order: %s read %d as %v, another one %v", c.name(i), op.Key, op.Read, long)
		}
	})
	for key, list := range c.order {
		seen := map[int]bool{}
		for _, v := range list {
			if seen[v] {
				c.report("duplicate: %d is twice in %d: %v", v, key, list)
			}
			seen[v] = true
		}
	}
}

// reads checks where what was read came from.
func (c *checker) reads() {
	last := map[[2]int]int{} // transaction, key -> its last append
	for i := range c.txns {
		for _, op := range c.txns[i].Ops {
			if op.Append {
				last[[2]int{i, op.Key}] = op.Value
			}
		}
	}
	c.eachRead(func(i int, op Op) {
		for at, v := range op.Read {
			w, ok := c.writer[v]
			switch {
			case !ok:
				c.report("garbage: %s read %d in %d, which nobody appended", c.name(i), v, op.Key)
			case c.txns[w].Outcome == Aborted:
				c.report("aborted read (G1a): %s read %d in %d of %s, which was aborted", c.name(i), v, op.Key, c.name(w))
			case w != i && at == len(op.Read)-1 && last[[2]int{w, op.Key}] != v:
				c.report("intermediate read (G1b): %s read %d in %d, but %s appended more", c.name(i), v, op.Key, c.name(w))
			}
		}
	})
}

func (c *checker) eachRead(fn func(i int, op Op)) {
	for i := range c.txns {
		if c.txns[i].Outcome != Committed {
			continue
		}
		for _, op := range c.txns[i].Ops {
			if !op.Append {
				fn(i, op)
			}
		}
	}
}

// graph draws an edge from each transaction to those that must come after it:
// write-write, write-read, read-write (it did not see what the other wrote), and,
// for those whose answer was there before the other began, real time.
func (c *checker) graph() {
	c.edges = make([][]edge, len(c.txns))
	add := func(from, to int, kind string) {
		if from != to {
			c.edges[from] = append(c.edges[from], edge{to, kind})
		}
	}
	for key, list := range c.order {
		for i := 1; i < len(list); i++ {
			add(c.writer[list[i-1]], c.writer[list[i]], fmt.Sprintf("ww on %d", key))
		}
	}
	c.eachRead(func(i int, op Op) {
		own := 0 // a transaction's own appends are behind what it read
		for own < len(op.Read) && c.writer[op.Read[len(op.Read)-1-own]] == i {
			own++
		}
		list, n := c.order[op.Key], len(op.Read)-own
		if n > 0 {
			add(c.writer[op.Read[n-1]], i, fmt.Sprintf("wr on %d", op.Key))
		}
		for next := n; next < len(list); next++ {
			if w := c.writer[list[next]]; w != i {
				add(i, w, fmt.Sprintf("rw on %d", op.Key))
				break
			}
		}
		if n == len(list) {
			c.unseen(i, op.Key, add)
		}
	})
	c.realTime(add)
}

// unseen draws edges to committed appends that nobody has ever read: they come
// behind all reads.
func (c *checker) unseen(i, key int, add func(from, to int, kind string)) {
	seen := map[int]bool{}
	for _, v := range c.order[key] {
		seen[v] = true
	}
	for w := range c.txns {
		if c.txns[w].Outcome != Committed || w == i {
			continue
		}
		for _, op := range c.txns[w].Ops {
			if op.Append && op.Key == key && !seen[op.Value] {
				add(i, w, fmt.Sprintf("rw on %d", key))
			}
		}
	}
}

// realTime draws the edges that no others imply: to those that began after the
// answer, but before the answer of anybody who began after it.
func (c *checker) realTime(add func(from, to int, kind string)) {
	var byBegin []int
	for i := range c.txns {
		if c.txns[i].Outcome != Aborted {
			byBegin = append(byBegin, i)
		}
	}
	slices.SortFunc(byBegin, func(a, b int) int { return c.txns[a].Began.Compare(c.txns[b].Began) })
	for _, from := range byBegin {
		if c.txns[from].Outcome != Committed {
			continue
		}
		end := c.txns[from].Ended
		start, _ := slices.BinarySearchFunc(byBegin, end, func(i int, t time.Time) int { return c.txns[i].Began.Compare(t) })
		var until time.Time
		for _, to := range byBegin[start:] {
			if !until.IsZero() && c.txns[to].Began.After(until) {
				break
			}
			add(from, to, "real time")
			if t := c.txns[to]; t.Outcome == Committed && (until.IsZero() || t.Ended.Before(until)) {
				until = t.Ended
			}
		}
	}
}

// cycles reports one cycle of each strongly connected component (Tarjan, 1972).
func (c *checker) cycles() {
	n := len(c.txns)
	index, low, on := make([]int, n), make([]int, n), make([]bool, n)
	var stack []int
	next := 1
	type frame struct{ v, e int }
	for root := range n {
		if index[root] != 0 {
			continue
		}
		frames := []frame{{root, 0}}
		for len(frames) > 0 {
			f := &frames[len(frames)-1]
			v := f.v
			if f.e == 0 {
				index[v], low[v] = next, next
				next++
				stack, on[v] = append(stack, v), true
			}
			if f.e < len(c.edges[v]) {
				to := c.edges[v][f.e].to
				f.e++
				if index[to] == 0 {
					frames = append(frames, frame{to, 0})
				} else if on[to] {
					low[v] = min(low[v], index[to])
				}
				continue
			}
			if low[v] == index[v] {
				at := slices.Index(stack, v)
				part := slices.Clone(stack[at:])
				for _, x := range part {
					on[x] = false
				}
				if stack = stack[:at]; len(part) > 1 {
					c.reportCycle(part)
				}
			}
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				p := frames[len(frames)-1].v
				low[p] = min(low[p], low[v])
			}
		}
	}
}

// reportCycle finds a shortest cycle through the first transaction of a component.
func (c *checker) reportCycle(part []int) {
	in := map[int]bool{}
	for _, x := range part {
		in[x] = true
	}
	type step struct {
		from int
		kind string
	}
	start := slices.Min(part)
	came := map[int]step{}
	queue := []int{start}
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		for _, e := range c.edges[v] {
			if !in[e.to] {
				continue
			}
			if e.to == start {
				var b strings.Builder
				path := []string{fmt.Sprintf("%s -%s-> %s", c.name(v), e.kind, c.name(start))}
				for x := v; x != start; x = came[x].from {
					path = append(path, fmt.Sprintf("%s -%s-> %s", c.name(came[x].from), came[x].kind, c.name(x)))
				}
				slices.Reverse(path)
				fmt.Fprintf(&b, "cycle of %d transactions:\n  %s", len(path), strings.Join(path, "\n  "))
				c.report("%s", b.String())
				return
			}
			if _, ok := came[e.to]; !ok {
				came[e.to] = step{v, e.kind}
				queue = append(queue, e.to)
			}
		}
	}
}

func (c *checker) name(i int) string {
	t := &c.txns[i]
	var ops []string
	for _, op := range t.Ops {
		if op.Append {
			ops = append(ops, fmt.Sprintf("%d += %d", op.Key, op.Value))
		} else {
			ops = append(ops, fmt.Sprintf("%d is %v", op.Key, op.Read))
		}
	}
	return fmt.Sprintf("T%d[%s%s]", i, strings.Join(ops, ", "), t.Annotation)
}
