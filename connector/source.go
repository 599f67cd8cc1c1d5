package connector

import (
	"context"

	"streamdb/types"
	"streamdb/vec"
)

// Config is what CREATE SOURCE/TABLE/SINK ... WITH (...) FORMAT .. ENCODE .. said.
type Config struct {
	Name          string            // of the source, for messages
	Options       map[string]string // WITH, lower-case keys, without "connector"
	Format        string            // PLAIN, UPSERT ..; upper case; "" when not given
	Encode        string            // JSON, CSV ..; upper case; "" when not given
	EncodeOptions map[string]string
	Schema        types.Schema // the visible columns, in order
}

// Source is an opened external stream, read by splits that are each ordered
// and replayable from an offset. Methods are safe for concurrent use.
type Source interface {
	// Splits lists the splits that exist now, in a stable order. It is called
	// again from time to time; splits may appear, never change their ID.
	Splits(ctx context.Context) ([]Split, error)
	// Open starts reading a split at an offset that was the Next of an earlier
	// chunk, or the split's Start. cols are the schema's columns to fill, in
	// order; the others need not be decoded beyond validation that is free.
	Open(ctx context.Context, split Split, offset int64, cols []int) (Reader, error)
	Close() error
}

// Split is one partition, file or shard of a source.
type Split struct {
	ID    string // stable for ever, shown in streamdb.source_splits
	Start int64  // the offset where reading begins when none is committed
	End   int64  // the offset just past the last element that exists now; -1: unbounded or unknown
}

// Reader reads one split. It is used by one goroutine.
type Reader interface {
	// Read appends at most max rows to c, and returns soon (some milliseconds)
	// also when there are none. It sets c.Next. Elements that cannot be decoded go
	// to c.Bad and are passed over. An error is a fault of the outside
	// (connection, file vanished) that a retry may heal.
	Read(ctx context.Context, c *Chunk, max int) error
	// Wake may be nil; a receive from it means that Read has something.
	Wake() <-chan struct{}
	Close() error
}

// Pacer is a Reader that makes elements up at a pace of its own.
type Pacer interface {
	// Exists says that all elements below the offset have been read by others
	// already: they are past, and are not to be waited for.
	Exists(below int64)
}

// Chunk is what a Reader fills.
type Chunk struct {
	Cols    []*vec.Builder // one per requested column
	Offsets []int64        // one per row: where the row begins; < 2^47, rising within the split
	Next    int64          // where to go on after all rows and bad elements so far
	Bad     []BadRow
	Done    bool // the split is finite and Next is its end: no row will ever follow
	More    bool // there is certainly more to read at once
}

// BadRow is an element that could not be decoded.
type BadRow struct {
	Offset int64
	Raw    []byte
	Err    error
}

// Sink delivers committed changes to the outside.
type Sink interface {
	// Write delivers one epoch's changes: idempotent by epoch where the target can.
	Write(ctx context.Context, epoch uint64, rows []vec.Vec, ops []int8, n int) error
	Close() error
}

// Option describes one WITH option, for checks, hints and generated docs.
type Option struct {
	Name     string // may end in ".*" for a family passed through
	Required bool
	Default  string
	Doc      string
}

// Def is one connector: one line in connector/all.
type Def struct {
	Name          string
	Doc           string
	SourceOptions []Option
	SinkOptions   []Option
	Formats       []string // "PLAIN JSON", "PLAIN CSV"; empty: the connector makes rows itself and takes no FORMAT
	// FormatOptional connectors make rows by themselves and accept Formats only so that
	// scripts which give one run.
	FormatOptional bool
	// Check validates a config without touching the outside; nil errors mean that
	// OpenSource may be tried. Unknown options are rejected before by CheckOptions.
	Check      func(cfg Config) error
	OpenSource func(ctx context.Context, cfg Config) (Source, error) // nil: not a source
	OpenSink   func(ctx context.Context, cfg Config) (Sink, error)   // nil: not a sink
	// Schema gives the columns when CREATE SOURCE lists none (nexmark); may be nil.
	Schema   func(cfg Config) (types.Schema, error)
	Discards bool // the sink keeps nothing: no delivery, no outbox
	// AppendOnly sources never retract. All but upsert formats are.
	Bounded func(cfg Config) bool // the source ends by itself
}
