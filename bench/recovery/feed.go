package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// feed is a file that grows by -rate rows a second, in a goroutine of its own that
// stop waits for.
type feed struct {
	file    *os.File
	ids     int64        // below which the rows' ids are
	written atomic.Int64 // rows, from 0 on
	end     chan struct{}
	done    chan error
}

func newFeed(path string, ids int64) (*feed, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	x := &feed{file: f, ids: ids, end: make(chan struct{}), done: make(chan error, 1)}
	go func() { x.done <- x.run() }()
	return x, nil
}

// stop ends the feed; again, it gives the same answer.
func (f *feed) stop() error {
	select {
	case <-f.end:
	default:
		close(f.end)
	}
	err := <-f.done
	f.done <- err
	return err
}

func (f *feed) run() error {
	defer f.file.Close()
	rng := rand.New(rand.NewPCG(2, uint64(f.ids)))
	begun := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var b []byte
	for {
		select {
		case <-f.end:
			return nil
		case <-tick.C:
		}
		from, to := f.written.Load(), int64(time.Since(begun).Seconds()*float64(*rate))
		b = b[:0]
		for seq := from; seq < to; seq++ {
			b = append(strconv.AppendInt(b, seq, 10), ',')
			b = append(strconv.AppendInt(b, rng.Int64N(f.ids), 10), '\n')
		}
		if _, err := f.file.Write(b); err != nil {
			return err
		}
		f.written.Store(max(from, to))
	}
}

// stillCreated reports whether a view was refused because it is still being created.
func stillCreated(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "55000"
}
