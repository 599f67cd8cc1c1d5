package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// Options configure a Store. The zero value of each member means its default.
type Options struct {
	Dir string // the data directory; made if absent
	// FS is the filesystem; nil: the operating system's. Tests pass vfs.NewMem()
	// or vfs.NewCrashableMem().
	FS  vfs.FS
	Log *slog.Logger
	// CacheBytes is the size of the block cache; default 64 MB. It is memory
	// outside the Go heap when cgo is on: count it in the process's limit.
	CacheBytes int64
	// IngestBytes is the size of an epoch, in bytes of keys and values, from which on
	// it is written as sorted tables and ingested instead of passing through the log;
	// default: what does not fit half a memtable (see bypassesLog).
	IngestBytes int
	// MemTableBytes is the size of a memtable, and so about that of the log that an
	// open replays; default 8 MB: at most 0.5 s.
	MemTableBytes uint64
	// Fatal is called by the store when it can no longer keep its promises (the
	// log cannot be written). It should not return; default: log and panic.
	Fatal func(msg string)

	// Tests set these: the sublevels of level 0 at which writes stop, and that
	// nothing is compacted unless asked for.
	level0Stop    int
	noCompactions bool

	readOnly  bool // see OpenReadOnly
	restoring bool // what the format file says does not count yet: see Restore
}

// Store is the database on disk. All its methods are safe for concurrent use,
// but those of the StateTables it opens.
//
// An epoch becomes visible when its Commit has returned, and durable when a
// later Sync (or a Commit with Sync, or a large Commit) has. A crash loses the
// epochs after some point at or after Durable, all of them whole: all changes
// enter through one log in order, and a large epoch, which bypasses the log,
// contains the manifest key that every epoch writes, so that the store orders
// it behind all that the log still holds.
type Store struct {
	db    *pebble.DB
	cache *pebble.Cache
	opts  Options
	popts *pebble.Options
	fs    vfs.FS
	log   *slog.Logger

	commitMu sync.Mutex // held by the one commit at a time
	syncMu   sync.Mutex // held by the one Sync at a time

	mu      sync.Mutex // guards the members below; never held across I/O
	current *sharedSnapshot
	synced  *sharedSnapshot // the snapshot of the durable epoch
	closed  bool

	opened  Manifest // as it was when the store was opened
	visible atomic.Uint64
	durable atomic.Uint64
	sstSeq  atomic.Uint64

	backingUp atomic.Bool
	marker    marker

	complaints seldom // log lines that may come in floods
	damaged    damagedFiles
	compactor  *compactions
	pressure   pressure
	failed     atomic.Pointer[error]
	isOpen     atomic.Bool // Pebble is open: it has no one to return some errors to
	openFlush  chan error  // of the flush of an open that met damage
}

// Open opens or creates the store in o.Dir and locks the directory against
// other processes (55006). A store written by a newer version with another
// state format is refused (0A000).
func Open(o Options) (*Store, error) {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = 8 << 20
	}
	if o.level0Stop == 0 {
		o.level0Stop = level0Stop
	}
	s := &Store{opts: o, log: o.Log, openFlush: make(chan error, 1)}
	s.fs = guardFS{o.FS, s}
	if !o.readOnly {
		if err := o.FS.MkdirAll(o.Dir, 0o700); err != nil {
			return nil, sqlerr.Wrap(sqlerr.IOError, err, "could not create data directory %q", o.Dir)
		}
	}
	var format formatInfo
	var err error
	if !o.restoring {
		if format, err = readFormat(o.FS, o.Dir); err != nil {
			return nil, err
		}
	}
	lock, err := pebble.LockDirectory(o.Dir, o.FS)
	if err != nil {
		return nil, sqlerr.Wrap(sqlerr.ObjectInUse, err, "data directory %q is in use by another process", o.Dir)
	}
	tornLog, tornAt, err := checkJournals(o.FS, o.Dir, format.closed > 0)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.cache = pebble.NewCache(o.CacheBytes)
	s.popts = s.pebbleOptions(lock)
	s.compactor = newCompactions()
	s.popts.Experimental.CompactionScheduler = s.compactor
	if !o.readOnly {
		err := errors.Join(s.clearIngestDir(), s.clearStaging())
		if err == nil && tornLog != "" {
			err = s.endLog(tornLog, tornAt)
		}
		if err != nil {
			s.cache.Unref()
			return nil, errors.Join(err, lock.Close())
		}
	}
	s.db, err = s.openPebble()
	if err != nil {
		s.cache.Unref()
		if unreadable(err) {
			err = errors.Join(err, pebble.ErrCorruption)
		}
		return nil, errors.Join(storeError(err, "could not open data directory %q", o.Dir), lock.Close())
	}
	s.isOpen.Store(true)
	s.compactor.open()
	// The directory stays locked until Close, also through a failure here.
	m, err := s.openManifest()
	if err == nil {
		err = s.beginWriting(format, m)
	}
	if err != nil {
		s.stopMarks()
		err = errors.Join(err, s.db.Close(), lock.Close())
		s.cache.Unref()
		return nil, err
	}
	s.opened = m
	s.visible.Store(uint64(m.Epoch))
	s.durable.Store(uint64(m.Epoch))
	s.current = newSharedSnapshot(s.db.NewSnapshot(), m.Epoch)
	s.synced = s.current.retain()
	s.popts.Lock = lock
	s.markLater()
	return s, nil
}

func (s *Store) pebbleOptions(lock *pebble.Lock) *pebble.Options {
	p := &pebble.Options{
		FS:                 s.fs,
		ReadOnly:           s.opts.readOnly,
		Lock:               lock,
		Cache:              s.cache,
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             pebbleLogger{s},
		MemTableSize:       s.opts.MemTableBytes,
		// An open reads all of the MANIFEST.
		MaxManifestFileSize: 8 << 20,
		// Two full memtables may wait for their flush before writers stop.
		MemTableStopWritesThreshold: memTablesStop,
		// Ingested epochs and flushes pile up in level 0; a writer is only stopped
		// when that would make reads slow, compaction starts much earlier.
		L0CompactionThreshold: level0Compact,
		L0StopWritesThreshold: s.opts.level0Stop,
		LBaseMaxBytes:         64 << 20,

		DisableAutomaticCompactions: s.opts.noCompactions,
		// Dropped tables give their space back without waiting for other writes.
		FlushDelayDeleteRange:      10 * time.Second,
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) {
				if pebble.IsCorruptionError(err) {
					s.compactor.metDamage()
				}
				if s.complaints.due() {
					s.log.Error("storage background work failed", "err", err)
				}
			},
			// A memtable is full: it has a log of its own.
			WALCreated: func(pebble.WALCreateInfo) { s.pressure.stale.Store(true) },
			// They have written to the MANIFEST.
			FlushEnd: func(i pebble.FlushInfo) {
				s.tablesChanged()
				s.flushEnds(i.Err)
			},
			CompactionEnd: func(i pebble.CompactionInfo) {
				s.tablesChanged()
				if i.Err == nil {
					s.compactor.succeeded()
				}
			},
			TableIngested: func(pebble.TableIngestInfo) { s.tablesChanged() },
			DiskSlow:      func(i pebble.DiskSlowInfo) { s.log.Warn("disk is slow", "info", i.String()) },
			DataCorruption: func(i pebble.DataCorruptionInfo) {
				if s.damaged.add(i.Path, i.Details) {
					s.log.Error("data on disk is corrupt", "path", i.Path, "details", i.Details)
				}
			},
			WriteStallBegin: func(i pebble.WriteStallBeginInfo) {
				s.pressure.stallBegins()
				s.log.Warn("writes wait for compaction", "reason", i.Reason)
			},
			WriteStallEnd: s.pressure.stallEnds,
		},
	}
	for i := range p.Levels {
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		p.Levels[i].BlockSize = 16 << 10
	}
	p.EnsureDefaults()
	return p
}

// tablesChanged notes that Pebble has other table files than before.
func (s *Store) tablesChanged() {
	s.pressure.stale.Store(true)
	s.markLater()
}

// Close makes everything committed durable and closes the store. Snapshots and
// state tables must not be used any more; snapshots still open are leaked.
func (s *Store) Close() error {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	current, synced := s.current, s.synced
	s.current, s.synced = nil, nil
	s.mu.Unlock()
	s.stopMarks()

	var syncErr error
	if !s.opts.readOnly {
		syncErr = s.db.LogData(nil, pebble.Sync)
	}
	current.release()
	synced.release()
	err := errors.Join(syncErr, s.db.Close())
	if err == nil && !s.opts.readOnly {
		err = writeFormat(s.fs, s.opts.Dir, formatInfo{StateFormat, s.Visible()})
	}
	err = errors.Join(err, s.popts.Lock.Close())
	s.cache.Unref()
	return err
}

// Visible is the latest committed epoch.
func (s *Store) Visible() stream.Epoch { return stream.Epoch(s.visible.Load()) }

// OpenTime is the time of the epoch that the store held when it was opened.
func (s *Store) OpenTime() time.Time { return s.opened.Time }

// Durable is the latest epoch that survives a crash for certain.
func (s *Store) Durable() stream.Epoch { return stream.Epoch(s.durable.Load()) }

// Sync makes all epochs that are visible now durable. Callers that meet share
// the work.
func (s *Store) Sync() error {
	target := s.Visible()
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	if s.Durable() >= target {
		return nil
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	snap := s.current.retain()
	s.mu.Unlock()
	if err := s.db.LogData(s.marker.encode(), pebble.Sync); err != nil {
		snap.release()
		return storeError(err, "could not sync epoch %d", snap.epoch)
	}
	s.setDurable(snap)
	s.markLater()
	return nil
}

// setDurable takes over the caller's reference to snap.
func (s *Store) setDurable(snap *sharedSnapshot) {
	s.mu.Lock()
	old := snap
	if !s.closed && s.synced.epoch < snap.epoch {
		old, s.synced = s.synced, snap
		s.durable.Store(uint64(snap.epoch))
	}
	s.mu.Unlock()
	old.release()
}

// TableBytes estimates the space that a table takes on disk. What is still in
// memory and in the log is not counted.
func (s *Store) TableBytes(t TableID) (int64, error) {
	from, to := tableBounds(t)
	n, err := s.db.EstimateDiskUsage(from, to)
	if err != nil {
		return 0, storeError(err, "could not estimate the size of table %d", t)
	}
	return int64(n), nil
}

// Space is how many bytes of the disk are free for this process, of how many; an
// error: the filesystem does not tell.
func (s *Store) Space() (free, total int64, err error) {
	u, err := s.fs.GetDiskUsage(s.opts.Dir)
	return int64(u.AvailBytes), int64(u.TotalBytes), err
}

// Stats are figures of the store for the console and for system tables.
type Stats struct {
	DiskBytes     int64 // all files
	WALBytes      int64 // what an open after a crash would replay
	MemTableBytes int64
	CacheBytes    int64
	CacheHitRate  float64 // 0 .. 1, since start
	L0Sublevels   int
	Compactions   int64
	Stalls        int64 // times that commits had to wait for compactions
	Stalled       time.Duration
}

// Stats reads the figures of now.
func (s *Store) Stats() Stats {
	m := s.db.Metrics()
	st := Stats{
		DiskBytes:     int64(m.DiskSpaceUsage()),
		WALBytes:      int64(m.WAL.Size),
		MemTableBytes: int64(m.MemTable.Size),
		CacheBytes:    m.BlockCache.Size,
		L0Sublevels:   int(m.Levels[0].Sublevels),
		Compactions:   m.Compact.Count,
		Stalls:        s.pressure.stalls.Load(),
		Stalled:       s.pressure.waited(),
	}
	if n := m.BlockCache.Hits + m.BlockCache.Misses; n > 0 {
		st.CacheHitRate = float64(m.BlockCache.Hits) / float64(n)
	}
	return st
}

var errClosed = sqlerr.New(sqlerr.AdminShutdown, "the store is closed")

// storeError gives a SQLSTATE to an error of Pebble or of the filesystem.
func storeError(err error, format string, args ...any) error {
	code := sqlerr.IOError
	switch {
	case pebble.IsCorruptionError(err):
		code = sqlerr.DataCorrupted
	case vfs.IsNoSpaceError(err):
		code = sqlerr.DiskFull
	}
	e := sqlerr.Wrap(code, err, format, args...)
	if i := pebble.ExtractDataCorruptionInfo(err); i != nil {
		e.WithDetail("The file %s is damaged: %s.", i.Path, firstLine(i.Details))
	} else if code == sqlerr.DataCorrupted {
		e.WithDetail("%s", firstLine(err))
	}
	if code == sqlerr.DiskFull {
		e.WithHint("Free space on the disk of the data directory.")
	}
	if code == sqlerr.DataCorrupted {
		e.WithHint("\"streamdb check\" lists what is damaged; \"streamdb restore\" makes a data directory of a backup.")
	}
	return e
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// seldom lets one of many calls through every ten seconds. The zero value is ready.
type seldom struct{ last atomic.Int64 }

func (s *seldom) due() bool {
	now, last := time.Now().UnixNano(), s.last.Load()
	return (last == 0 || now-last > int64(10*time.Second)) && s.last.CompareAndSwap(last, now)
}

// pebbleLogger brings what Pebble says into the store's log.
type pebbleLogger struct{ s *Store }

func (l pebbleLogger) Infof(format string, args ...any) {
	l.s.log.Debug(fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.s.log.Error(fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.s.fatal(fmt.Sprintf(format, args...))
}
