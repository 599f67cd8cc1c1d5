package format

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"streamdb/internal/sqlerr"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// zeros has the high bit of the lowest zero byte of x set; bits above it may be wrong.
func zeros(x uint64) uint64 { return (x - ones) &^ x & highs }

// plain is the number of bytes before the first quote, backslash or control
// character, eight at a time.
func plain(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		if m := zeros(x^ones*'"') | zeros(x^ones*'\\') | (x-ones*0x20)&^x&highs; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c < 0x20 {
			break
		}
	}
	return i
}

// validText wants UTF-8 without NUL bytes, as Postgres does.
func validText(b []byte) error {
	high, null := uint64(0), uint64(0)
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		high |= x
		null |= zeros(x)
	}
	for ; i < len(b); i++ {
		high |= uint64(b[i])
		if b[i] == 0 {
			null = 1
		}
	}
	if high&highs != 0 && !utf8.Valid(b) {
		return sqlerr.New(sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\"")
	}
	if null != 0 {
		return sqlerr.New(sqlerr.UntranslatableCharacter, "unsupported Unicode escape sequence").WithDetail(`\u0000 cannot be converted to text.`)
	}
	return nil
}
