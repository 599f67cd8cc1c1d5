package engine

import (
	"log/slog"
	"runtime"
	"time"

	"streamdb/connector"
	"streamdb/storage"

	"streamdb/catalog"
)

// Options is what a DB is opened with. The zero value of a member means its default.
type Options struct {
	DataDir            string        // where the store lives; required
	BarrierInterval    time.Duration // between barriers while data flows; 100 ms
	CheckpointInterval time.Duration // at most between two synced epochs; 1 s
	Parallelism        int           // instances of a parallel fragment; the number of cores
	MemoryLimit        int64         // bytes for state, caches and queries; 0: three quarters of what the machine has
	DiskReserve        int64         // bytes of the disk that stay free; 0: none, or AutoDiskReserve
	MaxConnections     int           // 1000
	TestClock          time.Time     // if not zero, the clock stands there, until ALTER SYSTEM SET test_clock
	Log                *slog.Logger

	// For simulations. Store is what the store is opened with beyond Dir, Log and
	// CacheBytes: a filesystem, sizes that make it work hard. Connectors finds
	// connectors that are not in connector/all; nil: there are none.
	Store      storage.Options
	Connectors func(name string) (*connector.Def, bool)

	startHook    func(o *catalog.Object) // for tests: runs before each job is started
	snapshotHook func()                  // for tests: runs when a transaction has just taken its snapshot
	eagerCache   bool                    // for tests: the statement cache binds at the first time, and its plans are run
}

// AutoDiskReserve is 256 MB, or a twentieth of a smaller disk.
const AutoDiskReserve = -1

func (o Options) withDefaults() Options {
	if o.BarrierInterval <= 0 {
		o.BarrierInterval = 100 * time.Millisecond
	}
	if o.CheckpointInterval <= 0 {
		o.CheckpointInterval = time.Second
	}
	if o.Parallelism <= 0 {
		o.Parallelism = runtime.GOMAXPROCS(0)
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = 1000
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}
