package types

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// Runes is the number of characters of a text, which is valid UTF-8: that of its
// bytes but those that continue a character, eight at a time.
func Runes(s string) int {
	const ones = 0x0101010101010101
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	n := len(b)
	for ; len(b) >= 8; b = b[8:] {
		w := binary.LittleEndian.Uint64(b)
		if w &= ones << 7; w != 0 {
			n -= bits.OnesCount64(w &^ (binary.LittleEndian.Uint64(b) << 1))
		}
	}
	for _, c := range b {
		if c&0xc0 == 0x80 {
			n--
		}
	}
	return n
}
