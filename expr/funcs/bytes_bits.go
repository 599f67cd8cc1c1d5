package funcs

import (
	"hash/crc32"
	"math/bits"
	"slices"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
)

// bytesFuncs lists the functions over the bits and sums of bytea. Bit n is bit
// n%8, from the least one, of byte n/8. reverse, crc32 and crc32c are Postgres 18's.
func bytesFuncs() []*expr.Def {
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	return []*expr.Def{
		fn("get_bit", ids{tByte, tI8}, tI4, kernel.E2(getBit), "A bit by position"),
		fn("set_bit", ids{tByte, tI8, tI4}, tByte, kernel.E3(setBit), "Bytes with one bit replaced"),
		fn("bit_count", ids{tByte}, tI8, kernel.U1(func(s string) int64 {
			n := 0
			for i := range len(s) {
				n += bits.OnesCount8(s[i])
			}
			return int64(n)
		}), "Number of bits that are set"),
		fn("reverse", ids{tByte}, tByte, kernel.U1(func(s string) string {
			b := []byte(s)
			slices.Reverse(b)
			return string(b)
		}), "Bytes in reverse order"),
		fn("crc32", ids{tByte}, tI8, kernel.U1(func(s string) int64 { return int64(crc32.ChecksumIEEE(kernel.Bytes(s))) }), "CRC-32"),
		fn("crc32c", ids{tByte}, tI8, kernel.U1(func(s string) int64 { return int64(crc32.Checksum(kernel.Bytes(s), castagnoli)) }), "CRC-32C"),
	}
}

func getBit(b string, i int64) (int64, error) {
	if i < 0 || i >= int64(len(b))*8 {
		return 0, errByteIndex(i, len(b)*8)
	}
	return int64(b[i/8] >> (i % 8) & 1), nil
}

func setBit(b string, i, x int64) (string, error) {
	if i < 0 || i >= int64(len(b))*8 {
		return "", errByteIndex(i, len(b)*8)
	}
	if x != 0 && x != 1 {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "new bit must be 0 or 1")
	}
	out := []byte(b)
	out[i/8] = out[i/8]&^(1<<(i%8)) | byte(x)<<(i%8)
	return string(out), nil
}
