package vec

// ShortText is the length up to which a copy of that many bytes takes less time than
// one of the right length.
const ShortText = 16

// CopyText copies src[from:to] to dst[at:], which has ShortText bytes more, and
// returns where it ends; what follows may be changed.
func CopyText(dst []byte, at int, src []byte, from, to int) int {
	if to-from <= ShortText && from+ShortText <= len(src) {
		*(*[ShortText]byte)(dst[at:]) = [ShortText]byte(src[from:])
	} else {
		copy(dst[at:], src[from:to])
	}
	return at + to - from
}
