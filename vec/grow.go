package vec

// growFast is the length from which slices grow by an eighth instead of
// doubling: what a large column holds in reserve is then an eighth of it.
const growFast = 1 << 16

// Grow returns s with length n, if it is shorter; new elements are zero if those
// beyond the length of s are. For columns by id: they grow often and by little.
func Grow[T any](s []T, n int) []T {
	if n <= len(s) {
		return s
	}
	if n <= cap(s) {
		return s[:n]
	}
	size := 2 * cap(s)
	if size > growFast {
		size = max(cap(s)+cap(s)/8, growFast)
	}
	out := make([]T, n, max(n, size))
	copy(out, s)
	return out
}
