package storage

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// The store's own tables, below FirstTableID.
const (
	manifestTable TableID = 1 // the single key "manifest"
	metaTable     TableID = 2 // catalog, jobs, settings: see KV
)

// StateFormat is the version of what this package writes: keys, manifest, row
// encoding. A store with a higher one is refused at open.
const StateFormat = 1

// Manifest says which epoch the store holds. It is written with every commit,
// under one key.
//
//	state format (uint16) | epoch (uint64) | time of the epoch (int64, microseconds since 1970); all little-endian
type Manifest struct {
	Format uint16
	Epoch  stream.Epoch // 0: nothing was ever committed
	Time   time.Time    // its time; 1970 in a new store
}

var manifestKey = AppendKey(nil, manifestTable, 0, []byte("manifest"))

const manifestLen = 2 + 8 + 8

func (m Manifest) encode() []byte {
	b := binary.LittleEndian.AppendUint16(nil, m.Format)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.Epoch))
	return binary.LittleEndian.AppendUint64(b, uint64(m.Time.UnixMicro()))
}

// Manifest reads the manifest of the latest commit.
func (s *Store) Manifest() (Manifest, error) {
	value, closer, err := s.db.Get(manifestKey)
	if err != nil {
		return Manifest{}, storeError(err, "could not read the manifest")
	}
	defer closer.Close()
	return decodeManifest(value)
}

func decodeManifest(b []byte) (Manifest, error) {
	if len(b) >= 2 {
		if f := binary.LittleEndian.Uint16(b); f > StateFormat {
			return Manifest{}, errNewerFormat(int(f))
		}
	}
	if len(b) != manifestLen {
		return Manifest{}, sqlerr.New(sqlerr.DataCorrupted, "the manifest has %d bytes instead of %d", len(b), manifestLen)
	}
	return Manifest{
		Format: binary.LittleEndian.Uint16(b),
		Epoch:  stream.Epoch(binary.LittleEndian.Uint64(b[2:])),
		Time:   time.UnixMicro(int64(binary.LittleEndian.Uint64(b[10:]))),
	}, nil
}

// openManifest reads the manifest, or writes the first one of a new store.
func (s *Store) openManifest() (Manifest, error) {
	value, closer, err := s.db.Get(manifestKey)
	if errors.Is(err, pebble.ErrNotFound) {
		it, err := s.db.NewIter(nil)
		if err != nil {
			return Manifest{}, storeError(err, "could not read the data directory")
		}
		empty := !it.First()
		if err := it.Close(); err != nil {
			return Manifest{}, storeError(err, "could not read the data directory")
		}
		if !empty || s.opts.readOnly {
			return Manifest{}, sqlerr.New(sqlerr.DataCorrupted, "the data directory holds no manifest")
		}
		m := Manifest{Format: StateFormat, Time: time.UnixMicro(0)}
		if err := s.db.Set(manifestKey, m.encode(), pebble.Sync); err != nil {
			return Manifest{}, storeError(err, "could not write the manifest")
		}
		return m, nil
	}
	if err != nil {
		return Manifest{}, storeError(err, "could not read the manifest")
	}
	defer closer.Close()
	return decodeManifest(value)
}

// KV is one entry of the meta keyspace: the catalog, pinned plans, settings.
// Its keys belong to the engine; by convention "kind/name".
type KV struct {
	Key   []byte
	Value []byte // nil: delete the key
}

// MetaGet reads a meta entry as of the latest commit; nil if absent.
func (s *Store) MetaGet(key []byte) ([]byte, error) {
	snap := s.Snapshot()
	defer snap.Close()
	return snap.Get(metaTable, 0, key)
}

// MetaScan calls fn for each meta entry whose key begins with prefix, in key
// order, as of the latest commit. key and value are valid during the call only.
func (s *Store) MetaScan(prefix []byte, fn func(key, value []byte) (bool, error)) error {
	snap := s.Snapshot()
	defer snap.Close()
	return snap.Scan(metaTable, 0, prefix, prefixEnd(prefix), fn)
}
