package storage

import "streamdb/stream"

// TableID is the first part of every key of a state table: unique for ever in
// one store, given out by the catalog. Ids below FirstTableID are the store's own.
type TableID uint32

// FirstTableID is the first id the catalog may give out.
const FirstTableID TableID = 16

// NumVNodes is the number of virtual nodes that the rows of a table are spread
// over, by the hash of their distribution key. Parallelism changes by moving vnodes.
const NumVNodes = 256

// VNode is a virtual node.
type VNode = uint8

// VNodeSet is the set of vnodes that an operator instance owns: [From, To).
type VNodeSet struct{ From, To int }

// AllVNodes is the set for an instance that runs alone.
var AllVNodes = VNodeSet{0, NumVNodes}

// Contains reports whether v is in the set.
func (s VNodeSet) Contains(v VNode) bool { return int(v) >= s.From && int(v) < s.To }

// SplitVNodes divides the vnodes among n instances, as evenly as possible.
func SplitVNodes(n int) []VNodeSet {
	sets := make([]VNodeSet, n)
	for i := range sets {
		sets[i] = VNodeSet{i * NumVNodes / n, (i + 1) * NumVNodes / n}
	}
	return sets
}

// TableDef declares a state table. Keys and values are bytes: their codec
// belongs to the operator, which versions it in Format.
type TableDef struct {
	ID     TableID `json:"id"`
	Name   string  `json:"name"`   // for people: "agg", "join-left", "rows"
	Format uint16  `json:"format"` // version of the key and value encoding
}

// StateTable is one instance's view of a state table. It is used by one
// goroutine. Reads see the instance's own unsealed and sealed rows and
// everything committed.
type StateTable interface {
	// Get returns the value of a key, nil if absent. The bytes are valid until the next call.
	Get(v VNode, key []byte) ([]byte, error)
	// MultiGet reads many keys at once; fn is called once per key, in the order
	// of vnode and key, with the index into keys and nil for absent ones. keys
	// need not be sorted and are not changed.
	MultiGet(vnodes []VNode, keys [][]byte, fn func(i int, value []byte) error) error
	// MultiGetSealed is MultiGet as of the last Seal: what was recorded since then is
	// left out, at no cost for it.
	MultiGetSealed(vnodes []VNode, keys [][]byte, fn func(i int, value []byte) error) error
	// Scan calls fn for each row of the vnode whose key begins with prefix, in key order.
	// Returning false ends the scan.
	Scan(v VNode, prefix []byte, fn func(key, value []byte) (bool, error)) error
	// ScanFrom is Scan that begins at the first key at or above from, which begins
	// with prefix itself.
	ScanFrom(v VNode, prefix, from []byte, fn func(key, value []byte) (bool, error)) error
	// ScanPrefixes calls fn for each row whose vnode and prefix are those number i, in
	// order of vnode and key: one pass for many prefixes, which need not be sorted, none
	// of which is the beginning of another one. Returning false goes on with the next
	// prefix.
	ScanPrefixes(vnodes []VNode, prefixes [][]byte, fn func(i int, key, value []byte) (bool, error)) error
	// ScanPrefixesSealed is ScanPrefixes as of the last Seal, of the rows whose keys are
	// above above[i], which begins with the prefix; nil: all.
	ScanPrefixesSealed(vnodes []VNode, prefixes, above [][]byte, fn func(i int, key, value []byte) (bool, error)) error
	// Last returns the row with the greatest key that begins with prefix and is
	// below the key below; nil if there is none. The bytes are valid until the next call.
	Last(v VNode, prefix, below []byte) (key, value []byte, err error)
	// ScanAll calls fn for each row of the instance's vnodes in order of vnode and key.
	ScanAll(fn func(v VNode, key, value []byte) (bool, error)) error
	// Put and Delete record a change of the current epoch; the bytes are copied.
	Put(v VNode, key, value []byte)
	Delete(v VNode, key []byte)
	// PutLater records rows changes of the current epoch, or fewer, whose keys and
	// values write makes when they are needed: at the latest when the epoch is
	// committed, on whatever goroutine comes first. write must only read what nobody
	// changes any more. It is for the barrier: a Put, Delete or read of the same epoch
	// that comes after it makes the rows at once, and Dirty does not count them.
	PutLater(rows int, write func(LateWriter))
	// Dirty is the number of bytes recorded since the last Seal.
	Dirty() int
	// Seal ends the epoch for this table: it returns what was recorded as an
	// immutable delta (nil: nothing) and starts the next one. It does not sort, encode or block.
	Seal(epoch stream.Epoch) *Delta
	// Empty reports whether the instance's vnodes certainly hold no row, committed or not.
	Empty() (bool, error)
	// Close frees what reads keep open. Who opened the table calls it (the task,
	// not the operator); what was not sealed is lost.
	Close() error
}

// Snapshot is a consistent view of one committed epoch. Close it; it is safe
// for concurrent use.
type Snapshot interface {
	// Epoch is the number of the last commit that it shows. Jobs count epochs of
	// their own: see Progress.
	Epoch() stream.Epoch
	Get(t TableID, v VNode, key []byte) ([]byte, error)
	// AnyOf looks for the first of some keys, in order, each with its vnode in front,
	// that has a row; -1: none has.
	AnyOf(t TableID, keys [][]byte) (int, error)
	// Scan calls fn for each row of the vnode with from <= key < to (nil: open), in key order.
	// The bytes are valid during the call only.
	Scan(t TableID, v VNode, from, to []byte, fn func(key, value []byte) (bool, error)) error
	// ScanTable calls fn for each row of the table in order of vnode and key.
	ScanTable(t TableID, fn func(v VNode, key, value []byte) (bool, error)) error
	Close() error
}
