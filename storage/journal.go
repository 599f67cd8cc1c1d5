package storage

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// journal is a file of records: Pebble's MANIFEST or one of its logs. Blocks of
// 32 kB hold chunks; a record is one chunk or several. A chunk is
//
//	MANIFEST: checksum (4 bytes) | length of the payload (2) | kind (1) | payload
//	log:      checksum (4) | length (2) | kind (1) | number of the log (4) | synced (8) | payload
//	older log, and the first of a new store:
//	          checksum (4) | length (2) | kind (1) | number of the log (4) | payload
//
// all little-endian. The checksum is over all that follows the length. A log that
// was closed ends with a chunk of the older form and the next log's number, without
// checksum and length. What is left of a block and too short for a chunk is zero.
type journal struct {
	data  []byte
	isLog bool
	num   uint32 // of the log
}

const (
	journalBlock = 32 << 10
	shortHead    = 7  // of a chunk of the MANIFEST
	oldLogHead   = 11 // of a chunk of a log of the older form
	logHead      = 19 // of a chunk of a log
	trailerLen   = 11
	trailerKind  = 5
	sector       = 512 // what a disk writes at once, at least
)

// Kinds of chunks: a whole record, or its first, a middle and its last part. Those
// of logs are higher by 8, of logs of the older form by 4.
const (
	wholeChunk = 1 + iota
	firstChunk
	middleChunk
	lastChunk
)

var recordTable = crc32.MakeTable(crc32.Castagnoli)

// chunk is a part of a record whose checksum is right; the zero value: none.
type chunk struct {
	kind    int
	synced  uint64 // logs: so much of the file was on disk before the chunk was made
	payload []byte
	end     int // where it ends in the file
}

// room is what is left of the block at an offset, and of the file.
func (j journal) room(at int) int {
	return min(journalBlock-at%journalBlock, len(j.data)-at)
}

// forms are the lengths of the heads that chunks of the file may have, and what is
// added to their kinds.
func (j journal) forms() []chunkForm {
	if j.isLog {
		return logForms
	}
	return manifestForms
}

type chunkForm struct {
	head int
	kind byte
}

var (
	logForms      = []chunkForm{{logHead, 8}, {oldLogHead, 4}}
	manifestForms = []chunkForm{{shortHead, 0}}
)

// chunk reads the chunk at an offset.
func (j journal) chunk(at int) chunk {
	room := j.room(at)
	for _, f := range j.forms() {
		if room < f.head {
			continue
		}
		b := j.data[at:]
		n := f.head + int(binary.LittleEndian.Uint16(b[4:]))
		if n > room || j.headBits(f, b) > 0 || binary.LittleEndian.Uint32(b) != maskSum(crc32.Checksum(b[6:n], recordTable)) {
			continue
		}
		c := chunk{kind: int(b[6] - f.kind), payload: b[f.head:n], end: at + n}
		if f.head == logHead {
			c.synced = binary.LittleEndian.Uint64(b[11:])
		}
		return c
	}
	return chunk{}
}

// headBits is how many bits of the kind and of the log's number are not as they
// are in some chunk of this form.
func (j journal) headBits(f chunkForm, b []byte) int {
	off := 8
	for kind := f.kind + wholeChunk; kind <= f.kind+lastChunk; kind++ {
		off = min(off, bits.OnesCount8(b[6]^kind))
	}
	if j.isLog {
		off += bits.OnesCount32(binary.LittleEndian.Uint32(b[7:]) ^ j.num)
	}
	return off
}

// maskSum is a checksum as it is stored.
func maskSum(sum uint32) uint32 { return bits.RotateLeft32(sum, -15) + 0xa282ead8 }

// ends reports whether at an offset is the mark of a log that was closed.
func (j journal) ends(at int) bool {
	if !j.isLog || j.room(at) < trailerLen {
		return false
	}
	want := [trailerLen]byte{6: trailerKind}
	binary.LittleEndian.PutUint32(want[7:], j.num+1)
	return bytes.Equal(j.data[at:at+trailerLen], want[:])
}

// read calls fn for each chunk from the start on. whole is where the last record
// ends that is there as a whole; bad is the offset of the first bytes that are not
// what they should be, the length of the file if there are none.
func (j journal) read(fn func(c chunk)) (whole, bad int) {
	for at := 0; at < len(j.data); {
		c := j.chunk(at)
		if c.kind == 0 {
			if left := journalBlock - at%journalBlock; left < shortHead || left < j.forms()[0].head && isZero(j.data[at:at+j.room(at)]) {
				at += j.room(at) // what is left of the block
				continue
			}
			if j.ends(at) {
				return at, len(j.data)
			}
			return whole, at
		}
		fn(c)
		at = c.end
		if c.kind == wholeChunk || c.kind == lastChunk {
			whole = at
		}
	}
	return whole, len(j.data)
}

// behind calls fn for the chunks that can be found after an offset, in the next n
// bytes, wherever they begin; until it returns true.
func (j journal) behind(at, n int, fn func(c chunk) bool) bool {
	for i := at + 1; i < len(j.data) && i-at <= n; i++ {
		if c := j.chunk(i); c.kind != 0 {
			if fn(c) {
				return true
			}
			i = c.end - 1
		}
	}
	return false
}

// flipped reports whether there was a chunk at an offset of which one bit has
// changed: then it is damage, and not a record that was being written. It is not
// said of a bit that is the only one of its sector, which may not have been written.
func (j journal) flipped(at int) bool {
	b := j.data[at : at+j.room(at)]
	for _, f := range j.forms() {
		if len(b) >= f.head && j.headBits(f, b) <= 1 && j.flippedAs(f, at, b) {
			return true
		}
	}
	return false
}

// flippedAs is flipped for a chunk of one form, in what is left of its block.
func (j journal) flippedAs(f chunkForm, at int, b []byte) bool {
	length, stored := binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint32(b)
	if n := f.head + int(length); n <= len(b) {
		sum := crc32.Checksum(b[6:n], recordTable)
		if j.headBits(f, b) == 0 && bits.OnesCount32(stored^maskSum(sum)) == 1 {
			return true
		}
		if i := flippedByte(sum^unmaskSum(stored), n-6); i >= 0 {
			return !j.emptySector(at, at+n, at+6+i)
		}
	}
	if j.headBits(f, b) > 0 {
		return false
	}
	for bit := range 16 {
		n := f.head + int(length^1<<bit)
		if n <= len(b) && stored == maskSum(crc32.Checksum(b[6:n], recordTable)) {
			return true
		}
	}
	return false
}

// emptySector reports whether the part of from..to that lies in the sector of at
// is zero.
func (j journal) emptySector(from, to, at int) bool {
	start := at - at%sector
	return isZero(j.data[max(from, start):min(to, start+sector)])
}

func unmaskSum(stored uint32) uint32 { return bits.RotateLeft32(stored-0xa282ead8, 15) }

// flippedByte is the byte, of n, of which one bit has changed when the checksum of
// all has changed by diff; -1: it was not one bit. A checksum is linear: a bit that
// lies further from the end changes it as one more step of the division does.
func flippedByte(diff uint32, n int) int {
	for i, reg := 0, uint32(crc32.Castagnoli); i < 8*n; i++ {
		if reg == diff {
			return n - 1 - i/8
		}
		reg = reg>>1 ^ crc32.Castagnoli&-(reg&1)
	}
	return -1
}

func isZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
