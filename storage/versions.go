package storage

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"streamdb/internal/sqlerr"
)

// checkVersions verifies Pebble's MANIFEST, the list of the store's table files.
// Pebble reads it up to the first record that it cannot, as a record that was
// being written in a crash is the last one; damage in the middle would so give
// the files of an older moment, with a newer log. A record is only begun when the
// one before is on disk: where a record begins behind one that cannot be read,
// that one was damaged, and the store is refused (XX001). closed: the store was
// closed in order, and all of it must be readable.
func checkVersions(fs vfs.FS, dir string, closed bool) error {
	desc, err := pebble.Peek(dir, fs)
	if err != nil || !desc.Exists {
		return nil // Open says what is wrong
	}
	path := fs.PathJoin(dir, fs.PathBase(desc.ManifestFilename))
	f, err := fs.Open(path)
	if err != nil {
		return nil
	}
	b, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return storeError(err, "could not read %q", path)
	}
	at := unreadableFrom(b)
	if at < len(b) && (closed || recordBegins(b[at+1:min(len(b), at+versionsScan)], at+1)) {
		return sqlerr.New(sqlerr.DataCorrupted, "could not open data directory %q", dir).
			WithDetail("The file %s is damaged at byte %d.", path, at).
			WithHint("\"streamdb restore\" makes a data directory of a backup.")
	}
	return nil
}

// The record format of LevelDB: blocks of 32 kB, in which each chunk has a header
// of checksum (4 bytes), length (2) and type (1: a whole record; 2, 3, 4: its first,
// a middle and its last part).
const (
	recordBlock  = 32 << 10
	recordHeader = 7
	versionsScan = 256 << 10 // so far behind damage a record is looked for
)

var recordTable = crc32.MakeTable(crc32.Castagnoli)

// chunkAt is the length of the chunk that b begins with, header included; 0: there
// is none. room is what is left of the block.
func chunkAt(b []byte, room int) (n int, first bool) {
	if len(b) < recordHeader || room < recordHeader {
		return 0, false
	}
	kind := b[6]
	n = recordHeader + int(binary.LittleEndian.Uint16(b[4:]))
	if kind < 1 || kind > 4 || n > len(b) || n > room {
		return 0, false
	}
	sum := crc32.Checksum(b[6:n], recordTable)
	if sum = (sum>>15 | sum<<17) + 0xa282ead8; sum != binary.LittleEndian.Uint32(b) {
		return 0, false
	}
	return n, kind <= 2
}

// unreadableFrom is where the first chunk begins that cannot be read: len(b) if
// there is none.
func unreadableFrom(b []byte) int {
	at := 0
	for at < len(b) {
		room := recordBlock - at%recordBlock
		if room < recordHeader { // the rest of a block is left empty
			at += room
			continue
		}
		n, _ := chunkAt(b[at:], room)
		if n == 0 {
			return at
		}
		at += n
	}
	return len(b)
}

// recordBegins reports whether a record begins somewhere in b, which lies at the
// offset at of its file.
func recordBegins(b []byte, at int) bool {
	for i := range b {
		if _, first := chunkAt(b[i:], recordBlock-(at+i)%recordBlock); first {
			return true
		}
	}
	return false
}

// unreadable reports an error of opening that is neither of the operating system
// nor of space: files do not say what they should. One that is missing is named by
// another one.
func unreadable(err error) bool {
	var system interface{ Temporary() bool } // syscall.Errno has it
	return errors.Is(err, os.ErrNotExist) || !errors.As(err, &system) && !vfs.IsNoSpaceError(err)
}
