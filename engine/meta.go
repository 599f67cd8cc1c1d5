package engine

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
)

// The meta keys: what the store keeps beside state tables.
//
//	object/<id, 10 digits>  -> catalog.Object as JSON
//	schema/<name>           -> id, decimal
//	counter/<name>          -> 8 bytes, big-endian
//	system/<setting>        -> its value: ALTER SYSTEM
//	start                   -> starts that got nowhere, as JSON: see starts
//	garbage/<table id>      -> "": a table of a dropped object, not yet deleted
const (
	objectPrefix  = "object/"
	schemaPrefix  = "schema/"
	counterPrefix = "counter/"
	systemPrefix  = "system/"
	garbagePrefix = "garbage/"
)

func objectKey(id catalog.ID) string { return fmt.Sprintf("%s%010d", objectPrefix, id) }

func putObject(o *catalog.Object) (storage.KV, error) {
	n := *o
	n.Form = catalog.Form
	b, err := json.Marshal(&n)
	if err != nil {
		return storage.KV{}, fmt.Errorf("catalog object %s: %w", o.Name, err)
	}
	return storage.KV{Key: []byte(objectKey(o.ID)), Value: b}, nil
}

func deleteKey(key string) storage.KV { return storage.KV{Key: []byte(key)} }

func garbageKey(t storage.TableID) string { return fmt.Sprintf("%s%d", garbagePrefix, t) }

func putCounter(name string, n uint64) storage.KV {
	return storage.KV{Key: []byte(counterPrefix + name), Value: binary.BigEndian.AppendUint64(nil, n)}
}

// loadedMeta is what recovery finds in the meta keys.
type loadedMeta struct {
	catalog  *catalog.Catalog
	counters map[string]uint64
	system   map[string]string
	garbage  []storage.TableID
	start    []byte
}

// loadMeta reads the whole of the meta keys.
func loadMeta(store *storage.Store) (*loadedMeta, error) {
	m := &loadedMeta{catalog: catalog.New(), counters: map[string]uint64{}, system: map[string]string{}}
	err := store.MetaScan(nil, func(key, value []byte) (bool, error) {
		k := string(key)
		switch {
		case strings.HasPrefix(k, objectPrefix):
			o := &catalog.Object{}
			if err := json.Unmarshal(value, o); err != nil {
				return false, sqlerr.Wrap(sqlerr.DataCorrupted, err, "catalog entry %s cannot be read", k)
			}
			if o.Form > catalog.Form {
				return false, sqlerr.Newer("catalog entry %s has form %d, this version knows up to %d", k, o.Form, catalog.Form)
			}
			m.catalog = m.catalog.With(o)
		case strings.HasPrefix(k, schemaPrefix):
			var id catalog.ID
			if _, err := fmt.Sscan(string(value), &id); err != nil {
				return false, sqlerr.Wrap(sqlerr.DataCorrupted, err, "catalog entry %s cannot be read", k)
			}
			m.catalog = m.catalog.WithSchema(strings.TrimPrefix(k, schemaPrefix), id)
		case strings.HasPrefix(k, counterPrefix):
			if len(value) != 8 {
				return false, sqlerr.New(sqlerr.DataCorrupted, "catalog entry %s cannot be read", k)
			}
			m.counters[strings.TrimPrefix(k, counterPrefix)] = binary.BigEndian.Uint64(value)
		case k == startKey:
			m.start = append([]byte{}, value...)
		case strings.HasPrefix(k, systemPrefix):
			m.system[strings.TrimPrefix(k, systemPrefix)] = string(value)
		case strings.HasPrefix(k, garbagePrefix):
			var id storage.TableID
			if _, err := fmt.Sscan(strings.TrimPrefix(k, garbagePrefix), &id); err != nil {
				return false, sqlerr.Wrap(sqlerr.DataCorrupted, err, "catalog entry %s cannot be read", k)
			}
			m.garbage = append(m.garbage, id)
		}
		return true, nil
	})
	return m, err
}
