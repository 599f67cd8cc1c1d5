package op

import (
	"encoding/binary"
	"math/bits"

	"streamdb/internal/sqlerr"
	"streamdb/storage"
)

// rowIDShift places a split's number above the offset in _row_id.
const rowIDShift = 47

// splitVNode is the vnode that a split belongs to: consecutive numbers lie far
// apart, so that any number of instances gets an even share.
func splitVNode(number int) storage.VNode { return bits.Reverse8(uint8(number)) }

// SplitState is a split's row in the state of a Source or SourceBackfill.
type SplitState struct {
	ID     string
	Number int
	Next   int64 // the offset to read next
	Done   bool  // Source: the split has ended; SourceBackfill: it has caught up
	// SourceBackfill: the offset of the last row that came live, plus one; what begins
	// behind it is not known, as rows may be long. Follows: that was noted.
	Seen    int64
	Follows bool
	Again   int // of the SourceBackfill
}

// The formats of a split's row: the second one ends with Seen and Again.
const (
	splitFormat        = 1
	splitFormatFollows = 2
)

func (s *SplitState) put(t storage.StateTable) {
	value := []byte{splitFormat, 0}
	if s.Follows {
		value[0] = splitFormatFollows
	}
	if s.Done {
		value[1] = 1
	}
	value = binary.AppendUvarint(value, uint64(s.Number))
	value = binary.AppendUvarint(value, uint64(s.Next))
	if s.Follows {
		value = binary.AppendUvarint(binary.AppendUvarint(value, uint64(s.Seen)), uint64(s.Again))
	}
	t.Put(splitVNode(s.Number), append([]byte{'s'}, s.ID...), value)
}

// DecodeSplit reads a row of a Splits table.
func DecodeSplit(key, value []byte) (SplitState, error) {
	bad := sqlerr.New(sqlerr.DataCorrupted, "unreadable state of a source's split")
	if len(key) < 1 || key[0] != 's' || len(value) < 4 || value[0] != splitFormat && value[0] != splitFormatFollows {
		return SplitState{}, bad
	}
	number, k := binary.Uvarint(value[2:])
	if k <= 0 {
		return SplitState{}, bad
	}
	next, m := binary.Uvarint(value[2+k:])
	if m <= 0 {
		return SplitState{}, bad
	}
	s := SplitState{ID: string(key[1:]), Number: int(number), Next: int64(next), Done: value[1] == 1}
	if value[0] == splitFormatFollows {
		seen, l := binary.Uvarint(value[2+k+m:])
		if l <= 0 {
			return SplitState{}, bad
		}
		again, l := binary.Uvarint(value[2+k+m+l:])
		if l <= 0 {
			return SplitState{}, bad
		}
		s.Follows, s.Seen, s.Again = true, int64(seen), int(again)
	}
	return s, nil
}

const (
	quarantineFormat = 1
	// quarantineRaw is the most bytes of an element that are kept.
	quarantineRaw = 64 << 10
)

// Quarantined is an element of a source that could not be decoded.
type Quarantined struct {
	Number int // of the split
	Offset int64
	Time   int64 // when it was read, microseconds since 1970
	Raw    []byte
	Error  string
}

// DecodeQuarantined reads a row of a Quarantine table.
func DecodeQuarantined(key, value []byte) (Quarantined, error) {
	bad := sqlerr.New(sqlerr.DataCorrupted, "unreadable row of a source's quarantine")
	if len(key) != 12 || len(value) < 10 || value[0] != quarantineFormat {
		return Quarantined{}, bad
	}
	n, k := binary.Uvarint(value[9:])
	if k <= 0 || uint64(len(value)-9-k) < n {
		return Quarantined{}, bad
	}
	rest := value[9+k:]
	return Quarantined{
		Number: int(binary.BigEndian.Uint32(key)),
		Offset: int64(binary.BigEndian.Uint64(key[4:])),
		Time:   int64(binary.LittleEndian.Uint64(value[1:])),
		Raw:    append([]byte(nil), rest[:n]...),
		Error:  string(rest[n:]),
	}, nil
}
