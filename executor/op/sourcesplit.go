package op

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"streamdb/connector"
	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/stream"
	"streamdb/vec"
)

// splitReader reads one split for an operator, opening it again after errors.
type splitReader struct {
	SplitState
	split   connector.Split
	reader  connector.Reader
	stop    context.CancelFunc // ends the goroutine that forwards wake-ups
	chunk   connector.Chunk
	memory  *chunkMemory  // of the chunk
	pause   time.Duration // after the last error
	retryAt time.Time
	dirty   bool
	past    int64 // elements below it were read by others already; see connector.Pacer
	stat    *Stat
}

// readers is what Source and SourceBackfill share: the connector, the search
// for splits in the background, and reading with retries.
type readers struct {
	conf *SourceConf
	def  *connector.Def
	cols []int
	log  *slog.Logger
	pool *chunkPool

	wake   chan struct{}
	timer  *time.Timer   // sends to wake
	idle   time.Duration // pause before readers that cannot tell are asked again
	found  chan foundSplits
	src    connector.Source // set once found
	ctx    context.Context  // of the goroutines below
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

type foundSplits struct {
	src    connector.Source
	splits []connector.Split
}

// How often splits are listed, and the limits of the pause after an error.
const (
	listSplitsEvery = 3 * time.Second
	firstPause      = 100 * time.Millisecond
	longestPause    = 10 * time.Second
)

func newReaders(conf *SourceConf, cols []int, env *Env, log *slog.Logger) (*readers, error) {
	if log == nil {
		log = slog.Default()
	}
	r := &readers{conf: conf, cols: cols, log: log.With("source", conf.Name), wake: make(chan struct{}, 1), found: make(chan foundSplits, 1)}
	if env.Connectors == nil {
		return nil, sqlerr.New(sqlerr.InternalError, "no connectors here")
	}
	def, ok := env.Connectors(conf.Connector)
	if !ok || def.OpenSource == nil {
		return nil, sqlerr.New(sqlerr.UndefinedObject, "connector %q of source %s does not exist", conf.Connector, conf.Name)
	}
	r.def, r.pool = def, newChunkPool(conf.Schema, cols)
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.timer = time.AfterFunc(time.Hour, r.notify)
	return r, nil
}

// search lists splits in a goroutine of its own until close: listing may wait
// for a network that is down.
func (r *readers) search() {
	r.wg.Add(1)
	go func() {
		defer r.wg.Done()
		pause := firstPause
		for {
			wait := listSplitsEvery
			if err := r.list(); err != nil {
				if r.ctx.Err() != nil {
					return
				}
				r.log.Warn("listing splits failed; trying again", "error", err, "in", pause)
				wait, pause = pause, min(2*pause, longestPause)
			} else {
				pause = firstPause
			}
			select {
			case <-r.ctx.Done():
				return
			case <-time.After(wait):
			}
		}
	}()
}

func (r *readers) list() error {
	if r.src == nil { // only this goroutine touches src, until it is closed
		src, err := r.def.OpenSource(r.ctx, r.conf.Config())
		if err != nil {
			return err
		}
		r.src = src
	}
	splits, err := r.src.Splits(r.ctx)
	if err != nil {
		return err
	}
	select {
	case r.found <- foundSplits{r.src, splits}:
		r.notify()
	case <-r.ctx.Done():
	}
	return nil
}

func (r *readers) notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// How long readers without a wake channel of their own are left alone when they
// had nothing: the pause doubles between these.
const (
	firstIdle   = 2 * time.Millisecond
	longestIdle = 50 * time.Millisecond
)

// rest arranges for the next Poll after one that found nothing: in the given
// time, or when a reader that cannot tell might have something.
func (r *readers) rest(splits []*splitReader, in time.Duration) {
	if r.idle = min(max(2*r.idle, firstIdle), longestIdle); in == 0 || r.idle < in {
		for _, s := range splits {
			if !s.Done && (s.reader == nil || s.reader.Wake() == nil) {
				in = r.idle
				break
			}
		}
	}
	if in > 0 {
		r.timer.Reset(in)
	}
}

// open starts reading a split at its next offset.
func (r *readers) open(ctx context.Context, src connector.Source, s *splitReader) error {
	reader, err := src.Open(ctx, s.split, s.Next, r.cols)
	if err != nil {
		return err
	}
	s.reader = reader
	wake := reader.Wake()
	if wake == nil {
		return nil
	}
	var wctx context.Context
	wctx, s.stop = context.WithCancel(r.ctx)
	r.wg.Add(1)
	go func() {
		defer r.wg.Done()
		for {
			select {
			case _, ok := <-wake:
				if !ok {
					return
				}
				r.notify()
			case <-wctx.Done():
				return
			}
		}
	}()
	return nil
}

func (r *readers) shut(s *splitReader) {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
	if s.reader == nil {
		return
	}
	if err := s.reader.Close(); err != nil {
		r.log.Warn("closing a reader failed", "split", s.ID, "error", err)
	}
	s.reader = nil
}

// read fills the split's chunk with at most n rows and reports how many came.
// Errors of the outside are logged and tried again later: they give no rows.
func (r *readers) read(ctx context.Context, src connector.Source, s *splitReader, n int) int {
	if s.pause > 0 && time.Now().Before(s.retryAt) {
		return 0
	}
	c := &s.chunk
	if s.memory == nil {
		s.memory = r.pool.take()
	}
	*c = connector.Chunk{Cols: s.memory.cols, Offsets: c.Offsets[:0], Bad: c.Bad[:0], Next: s.Next}
	err := error(nil)
	if s.reader == nil {
		err = r.open(ctx, src, s)
	}
	if err == nil {
		if p, ok := s.reader.(connector.Pacer); ok && s.past > 0 {
			p.Exists(s.past)
		}
		err = s.reader.Read(ctx, c, n)
	}
	if err == nil {
		if s.pause > 0 {
			s.stat.SetErr(nil)
		}
		s.pause = 0
		return len(c.Offsets)
	}
	if ctx.Err() != nil {
		return 0
	}
	// Rows that came before the error may be half appended: read them again.
	for i := range c.Cols {
		c.Cols[i].Reset(0)
	}
	c.Offsets, c.Bad, c.Next, c.More, c.Done = c.Offsets[:0], c.Bad[:0], s.Next, false, false
	s.pause = max(firstPause, min(2*s.pause, longestPause))
	s.retryAt = time.Now().Add(s.pause)
	s.stat.SetErr(err)
	r.log.Warn("reading failed; trying again", "split", s.ID, "offset", s.Next, "error", err, "in", s.pause)
	r.shut(s)
	return 0
}

// batch makes a batch of the chunk's rows, the row ids last, and empties it. Its
// memory is lent.
func (r *readers) batch(ctx *executor.Ctx, s *splitReader) *stream.Batch {
	c, m, pool := &s.chunk, s.memory, r.pool
	n := len(c.Offsets)
	cols := make([]vec.Vec, len(c.Cols)+1)
	for i, b := range c.Cols {
		cols[i] = b.Vec()
	}
	s.memory, c.Cols = nil, nil
	m.ids = slices.Grow(m.ids[:0], n)[:n]
	ctx.Lend(stream.NewLease(m.bytes(), func() { pool.give(m) }))
	ids := m.ids
	high := int64(s.Number) << rowIDShift
	for i, off := range c.Offsets {
		ids[i] = high | off
	}
	cols[len(cols)-1] = vec.Ints(ids)
	return stream.NewBatch(n, cols, nil)
}

// close ends the goroutines, the readers and the connector.
func (r *readers) close(splits []*splitReader) error {
	r.cancel()
	r.timer.Stop()
	for _, s := range splits {
		r.shut(s)
	}
	r.wg.Wait()
	if r.src == nil {
		return nil
	}
	return r.src.Close()
}
