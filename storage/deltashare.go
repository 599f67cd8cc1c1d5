package storage

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Rows that hold the same long array or document, as those of a partition under
// array_agg(..) OVER, are written one after the other, each with columns of its own
// around it. A delta keeps such a value once: of a long value that is mostly a part
// of the last one that was kept whole, it has what comes before that part and after
// it, in the place of the value:
//
//	place of the part in the arena (8 bytes) | its length (4) | length of what comes before (4) | before | after
//
// The vlen of the entry then has the bit sharedValue.
const (
	sharedValue = 1 << 31
	shareHead   = 16
	// shareLeast is the length from which values are compared, and that of what they must share.
	shareLeast = 1 << 10
	// shareShift is how far the common part may have moved.
	shareShift = 32
)

// share is a long value as a part of an earlier one, and its vlen; ok false: it has
// none of it.
func (d *Delta) share(value []byte) (part []byte, vlen uint32, ok bool) {
	if d.long[1] == 0 {
		return nil, 0, false
	}
	from, to, at, ok := commonPart(d.arena.at(d.long[0], d.long[1]), value)
	if !ok {
		return nil, 0, false
	}
	part = make([]byte, 0, shareHead+len(value)-(to-from))
	part = binary.LittleEndian.AppendUint64(part, uint64(d.long[0]+at))
	part = binary.LittleEndian.AppendUint32(part, uint32(to-from))
	part = binary.LittleEndian.AppendUint32(part, uint32(from))
	part = append(append(part, value[:from]...), value[to:]...)
	return part, uint32(len(part)) | sharedValue, true
}

// unshare makes the value that lies in the arena as the given bytes.
func unshare(b []byte, a arena) []byte {
	off, n := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:])
	before := binary.LittleEndian.Uint32(b[12:])
	b = b[shareHead:]
	out := make([]byte, 0, len(b)+int(n))
	out = append(append(out, b[:before]...), a.at(int(off), int(n))...)
	return append(out, b[before:]...)
}

// commonPart finds the part value[from:to] of a value that is base[at:at+to-from],
// if it is nearly all of it: by a few bytes in the middle, which may have moved a little.
func commonPart(base, value []byte) (from, to, at int, ok bool) {
	mid := len(value) / 2
	probe := value[mid : mid+16]
	for shift := -shareShift; shift <= shareShift; shift++ {
		m := mid + shift
		if m < 0 || m+len(probe) > len(base) || !bytes.Equal(base[m:m+len(probe)], probe) {
			continue
		}
		back := sameEnd(value[:mid], base[:m])
		from, at, to = mid-back, m-back, mid+sameStart(value[mid:], base[m:])
		if rest := len(value) - (to - from); to-from >= shareLeast && rest <= len(value)/8 {
			return from, to, at, true
		}
	}
	return 0, 0, 0, false
}

// sameStart is how many bytes a and b begin with alike, sameEnd how many they end with.
func sameStart(a, b []byte) int {
	n := 0
	for len(a)-n >= 8 && len(b)-n >= 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
		n += 8
	}
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func sameEnd(a, b []byte) int {
	n := 0
	for len(a)-n >= 8 && len(b)-n >= 8 {
		if x := binary.LittleEndian.Uint64(a[len(a)-n-8:]) ^ binary.LittleEndian.Uint64(b[len(b)-n-8:]); x != 0 {
			return n + bits.LeadingZeros64(x)/8
		}
		n += 8
	}
	for n < len(a) && n < len(b) && a[len(a)-n-1] == b[len(b)-n-1] {
		n++
	}
	return n
}
