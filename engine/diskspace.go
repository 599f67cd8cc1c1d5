package engine

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"streamdb/internal/sqlerr"
)

// diskGuard keeps a reserve of the disk free: below it the database accepts nothing
// new, so that it never meets a full disk in the middle of what it has accepted. A
// log that cannot be written would be its end.
type diskGuard struct {
	db      *DB
	reserve int64 // bytes; 0: there is no guard
	free    atomic.Int64
	low     atomic.Bool
}

const (
	// AutoDiskReserve: this much, or a part of a smaller disk.
	defaultReserve     = 256 << 20
	defaultReservePart = 20

	diskLook = time.Second // how often the space is looked at, besides after each epoch
)

// start looks at the disk for the first time, and then again and again.
func (g *diskGuard) start(db *DB, reserve int64) {
	if reserve == 0 {
		return
	}
	free, total, err := db.store.Space()
	if err != nil { // not every filesystem knows
		db.log.Debug("the free space of the disk is not watched", "err", err)
		return
	}
	if reserve == AutoDiskReserve {
		reserve = min(defaultReserve, total/defaultReservePart)
	}
	g.db, g.reserve = db, reserve
	g.took(free)
	db.work.Go(func() {
		tick := time.NewTicker(diskLook)
		defer tick.Stop()
		for {
			select {
			case <-db.life.Done():
				return
			case <-tick.C:
				g.look()
			}
		}
	})
}

// look asks how much is free now.
func (g *diskGuard) look() {
	if g.reserve == 0 {
		return
	}
	if free, _, err := g.db.store.Space(); err == nil {
		g.took(free)
	}
}

// took notes what is free. Sources and backfills pause while that is too little.
func (g *diskGuard) took(free int64) {
	g.free.Store(free)
	switch was := g.low.Load(); {
	case !was && free < g.reserve:
		if g.low.CompareAndSwap(false, true) {
			g.db.coord.Hold(true)
			g.db.log.Warn("disk is nearly full: no new rows and jobs are accepted, sources wait", "free", megabytes(free), "reserve", megabytes(g.reserve))
		}
	case was && free >= g.reserve+g.reserve/8:
		if g.low.CompareAndSwap(true, false) {
			g.db.coord.Hold(false)
			g.db.log.Info("disk has space again", "free", megabytes(free))
		}
	}
}

// admit refuses what would take so many bytes, when the reserve is or would be
// touched: rows are in the log before they are in a table file.
func (g *diskGuard) admit(bytes int64) error {
	if g.reserve == 0 {
		return nil
	}
	free := g.free.Load()
	if !g.low.Load() && free-2*bytes >= g.reserve {
		return nil
	}
	return sqlerr.New(sqlerr.DiskFull, "disk is nearly full").
		WithDetail("%s are free in \"%s\", and %s are kept in reserve (-disk-reserve).", megabytes(free), g.db.opts.DataDir, megabytes(g.reserve)).
		WithHint("Free space on the disk, or DELETE or DROP what is not needed; writes are then accepted again by themselves.")
}

// admitChange is admit for a change of the catalog: it starts no new job then.
func (g *diskGuard) admitChange(c *change) error {
	for _, p := range c.start {
		if !slices.Contains(c.halt, p.Job) {
			return g.admit(0)
		}
	}
	return nil
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
