package vec

// Large slices and tables grow by less than doubling: what they hold in reserve is
// at most a quarter, or an eighth, of them. A smaller step means more copies: four
// of each element at a quarter, eight at an eighth.
const (
	growQuarter = 1 << 16
	growEighth  = 1 << 22
)

// Larger is the next capacity of something that has outgrown one.
func Larger(capacity int) int {
	switch {
	case capacity >= growEighth:
		return capacity + capacity/8
	case capacity >= growQuarter:
		return capacity + capacity/4
	}
	return min(2*capacity, growQuarter)
}

// Grow returns s with length n, if it is shorter; new elements are zero if those
// beyond the length of s are. For columns by id: they grow often and by little.
func Grow[T any](s []T, n int) []T {
	if n <= len(s) {
		return s
	}
	if n <= cap(s) {
		return s[:n]
	}
	out := make([]T, n, max(n, Larger(cap(s))))
	copy(out, s)
	return out
}
