package storage

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/wal"

	"streamdb/internal/sqlerr"
)

// checkJournals verifies Pebble's MANIFEST, the list of the store's table files,
// and the logs that are to be replayed. Pebble reads them up to the first record
// that it cannot, as a record that was being written in a crash is the last one;
// damage would so give an older moment, or a hole. What cannot be read was damaged
// (XX001), and was not being written,
//
//   - if it was on disk already: marks in the logs say how far the MANIFEST and
//     the log were (see mark), chunks of a log how far the log was;
//   - if in the MANIFEST another record begins behind it: that is only done when
//     the one before is on disk;
//   - if it is right but for one bit;
//   - if the store was closed in order, and it is the MANIFEST;
//   - if the log is not the newest.
//
// Otherwise it is the end of the file: for the newest log, torn is where the last
// whole record ends, and path the file; path "": it ends as it should.
func checkJournals(fs vfs.FS, dir string, closed bool) (path string, torn int64, err error) {
	desc, err := pebble.Peek(dir, fs)
	if err != nil || !desc.Exists {
		return "", 0, nil // Open says what is wrong
	}
	name := fs.PathBase(desc.ManifestFilename)
	manifestPath := fs.PathJoin(dir, name)
	data, err := readJournal(fs, manifestPath)
	if err != nil {
		return "", 0, ignoreMissing(err)
	}
	versions := journal{data: data}
	firstLog := uint64(0)
	_, bad := versions.read(func(c chunk) { firstLog = max(firstLog, logNumber(c)) })

	last, path, torn, err := checkLogs(fs, dir, firstLog)
	if err != nil {
		return "", 0, err
	}
	number, _ := strconv.ParseUint(strings.TrimPrefix(name, "MANIFEST-"), 10, 64)
	known := last.manifest == number && uint64(bad) < last.manifestBytes
	switch {
	case bad == len(data) && !known:
		return path, torn, nil
	case known, closed, versions.flipped(bad), versions.behind(bad, versionsScan, beginsRecord):
		return "", 0, errDamaged(dir, manifestPath, bad)
	}
	return path, torn, nil
}

// versionsScan is how far behind damage in the MANIFEST a record is looked for.
const versionsScan = 256 << 10

func beginsRecord(c chunk) bool { return c.kind == wholeChunk || c.kind == firstChunk }

// checkLogs verifies the logs from number first on, and finds the last mark.
func checkLogs(fs vfs.FS, dir string, first uint64) (last mark, path string, torn int64, err error) {
	logs, err := wal.Scan(wal.Dir{FS: fs, Dirname: dir})
	if err != nil {
		return last, "", 0, storeError(err, "could not list the logs in %q", dir)
	}
	for i := len(logs) - 1; i >= 0 && (uint64(logs[i].Num) >= first || last == (mark{})); i-- {
		if logs[i].NumSegments() != 1 {
			continue
		}
		_, name := logs[i].SegmentLocation(0)
		data, err := readJournal(fs, name)
		if err != nil {
			return last, "", 0, ignoreMissing(err)
		}
		l := journal{data: data, isLog: true, num: uint32(logs[i].Num)}
		inUse := uint64(logs[i].Num) >= first
		whole, bad, m := l.readMarks()
		if last == (mark{}) {
			last = m
		}
		if bad == len(data) || !inUse {
			continue
		}
		newest := i == len(logs)-1
		if !newest || m.log == uint64(l.num) && uint64(bad) < m.logBytes || l.flipped(bad) || l.promises(bad) {
			return last, "", 0, errDamaged(dir, name, bad)
		}
		path, torn = name, int64(whole)
	}
	return last, path, torn, nil
}

// readMarks reads a log, and the last mark in it, also behind damage.
func (j journal) readMarks() (whole, bad int, last mark) {
	look := func(c chunk) bool {
		if m, ok := readMark(c); ok {
			last = m
		}
		return false
	}
	whole, bad = j.read(func(c chunk) { look(c) })
	j.behind(bad, len(j.data), look)
	return whole, bad, last
}

// promises reports whether a chunk behind bad says that the file was on disk
// beyond bad.
func (j journal) promises(bad int) bool {
	return j.behind(bad, len(j.data), func(c chunk) bool { return c.synced > uint64(bad) })
}

// logNumber is the number of the first log to be replayed, when the record that
// begins with this chunk of the MANIFEST says it; else 0. It is the first member
// of a record, but for the name of the order of keys.
func logNumber(c chunk) uint64 {
	const comparer, log = 1, 2
	b := c.payload
	if !beginsRecord(c) {
		return 0
	}
	for {
		tag, n := binary.Uvarint(b)
		if n <= 0 || tag != comparer && tag != log {
			return 0
		}
		value, m := binary.Uvarint(b[n:])
		b = b[n+max(m, 0):]
		if m <= 0 || tag == comparer && value > uint64(len(b)) {
			return 0
		}
		if tag == log {
			return value
		}
		b = b[value:]
	}
}

func errDamaged(dir, file string, at int) error {
	return sqlerr.New(sqlerr.DataCorrupted, "could not open data directory %q", dir).
		WithDetail("The file %s is damaged at byte %d.", file, at).
		WithHint("\"streamdb restore\" makes a data directory of a backup.")
}

func readJournal(fs vfs.FS, path string) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, storeError(err, "could not read %q", path)
	}
	b, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, storeError(err, "could not read %q", path)
	}
	return b, nil
}

// ignoreMissing: Pebble says which file is missing.
func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// unreadable reports an error of opening that is neither of the operating system
// nor of space: files do not say what they should. One that is missing is named by
// another one.
func unreadable(err error) bool {
	var system interface{ Temporary() bool } // syscall.Errno has it
	return errors.Is(err, os.ErrNotExist) || !errors.As(err, &system) && !vfs.IsNoSpaceError(err)
}
