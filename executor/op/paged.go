package op

// paged is a column by slot in pages, so that it grows without moving what it has:
// a column in one piece copies each value several times on its way to a million,
// into memory that the process has to get first.
type paged[T any] struct {
	pages [][]T // of pageRows values each, but the first while it is the only one
}

const (
	pageShift = 12
	pageRows  = 1 << pageShift
	pageMask  = pageRows - 1
)

// at is the value at a slot that was put there.
func (p *paged[T]) at(slot int32) T { return p.pages[slot>>pageShift][slot&pageMask] }

// put stores a value at a slot that there is, or at the one after the last.
func (p *paged[T]) put(slot int32, v T) {
	if k := int(slot >> pageShift); k == len(p.pages) || int(slot&pageMask) >= len(p.pages[k]) {
		p.grow(int(slot) + 1)
	}
	p.pages[slot>>pageShift][slot&pageMask] = v
}

// grow makes slots up to n, with zeros.
func (p *paged[T]) grow(n int) {
	if len(p.pages) == 0 {
		p.pages = append(p.pages, nil)
	}
	if first := p.pages[0]; len(first) < min(n, pageRows) {
		size := min(max(n, 2*len(first), 16), pageRows)
		p.pages[0] = append(make([]T, 0, size), first...)[:size]
	}
	for len(p.pages)<<pageShift < n {
		p.pages = append(p.pages, make([]T, pageRows))
	}
}

// size is the number of values there is memory for.
func (p *paged[T]) size() int {
	if len(p.pages) == 0 {
		return 0
	}
	return len(p.pages[0]) + (len(p.pages)-1)<<pageShift
}

// gather copies the values at slots; slot -1 gives zero.
func (p *paged[T]) gather(slots []int32, negative bool) []T {
	out, pages := make([]T, len(slots)), p.pages
	if negative {
		for k, s := range slots {
			if s >= 0 {
				out[k] = pages[s>>pageShift][s&pageMask]
			}
		}
		return out
	}
	for k, s := range slots {
		out[k] = pages[s>>pageShift][s&pageMask]
	}
	return out
}

// scatter puts value i&mask of src at the i-th of slots that there are, unless that
// is negative.
func (p *paged[T]) scatter(slots []int32, src []T, mask int) {
	pages := p.pages
	for i, s := range slots {
		if s >= 0 {
			pages[s>>pageShift][s&pageMask] = src[i&mask]
		}
	}
}
