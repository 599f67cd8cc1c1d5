package op

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"streamdb/connector"
	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// sink runs a Sink: it nets out each epoch's changes and writes them to the
// outbox, in the same commit as the epoch itself. A goroutine of its own
// delivers committed epochs one by one from snapshots of the outbox, so that the
// graph never waits for the outside; what it has delivered is removed with a
// later barrier. After a restart an epoch whose removal was not committed is
// delivered again: connectors are idempotent by epoch where the target can be.
type sink struct {
	spec   *Sink
	ctx    *executor.OpenCtx
	env    *Env
	log    *slog.Logger
	stat   *Stat
	outbox storage.StateTable
	def    *connector.Def
	vnode  storage.VNode

	net rowWeights
	row []byte

	written   []stream.Epoch // in this run, not yet told to the delivering goroutine
	pruned    stream.Epoch   // all epochs up to it have been removed from the outbox
	ready     chan struct{}
	target    atomic.Uint64 // all epochs up to it may be delivered
	delivered atomic.Uint64 // all epochs up to it have been delivered
	cancel    context.CancelFunc
	wg        sync.WaitGroup
}

func openSink(s *Sink, ctx *executor.OpenCtx) (executor.Operator, error) {
	if ctx.Bounded {
		return nil, sqlerr.Unsupported("a sink in a query")
	}
	env := envOf(ctx)
	if env.Connectors == nil {
		return nil, errors.New("op: Sink needs Env.Connectors")
	}
	def, ok := env.Connectors(s.Conf.Connector)
	if !ok || def.OpenSink == nil {
		return nil, sqlerr.New(sqlerr.UndefinedObject, "connector %q of sink %s does not exist", s.Conf.Connector, s.Name)
	}
	if def.Discards {
		return &discardSink{stat: env.Stats.Of(StatKey{Job: ctx.Job, Kind: "sink", Name: s.Name, Instance: ctx.Instance})}, nil
	}
	log := ctx.Log
	if log == nil {
		log = slog.Default()
	}
	k := &sink{
		spec: s, ctx: ctx, env: env, log: log.With("sink", s.Name), def: def,
		stat:   env.Stats.Of(StatKey{Job: ctx.Job, Kind: "sink", Name: s.Name, Instance: ctx.Instance}),
		outbox: ctx.Table(s.Outbox),
		vnode:  storage.VNode(ctx.VNodes.From),
		ready:  make(chan struct{}, 1),
	}
	// Only its end is looked at: what waits may be much.
	last, _, err := k.outbox.Last(k.vnode, nil, bytes.Repeat([]byte{0xff}, 9))
	if err != nil {
		return nil, err
	}
	var run context.Context
	run, k.cancel = context.WithCancel(context.Background())
	k.wg.Add(1)
	go func() {
		defer k.wg.Done()
		k.deliver(run)
	}()
	if last != nil {
		k.tell(sinkEpoch(last))
	}
	return k, nil
}

func (k *sink) Close() error {
	k.cancel()
	k.wg.Wait()
	return nil
}

func (k *sink) Watermark(*executor.Ctx, int, stream.Watermark, executor.Emitter) error { return nil }

// Process adds a batch to the epoch's net changes.
func (k *sink) Process(_ *executor.Ctx, _ int, b *stream.Batch, _ executor.Emitter) error {
	k.net.addBatch(b)
	return nil
}

// Barrier writes the net changes to the outbox, deletes first, and removes
// epochs that were delivered.
func (k *sink) Barrier(_ *executor.Ctx, b stream.Barrier, _ executor.Emitter) error {
	seq := uint32(0)
	for _, sign := range []int32{-1, +1} {
		for id, w := range k.net.sum {
			for ; w*sign > 0; w -= sign {
				key := binary.BigEndian.AppendUint64(nil, uint64(b.Epoch))
				key = binary.BigEndian.AppendUint32(key, seq)
				seq++
				k.row = append(append(k.row[:0], byte(int8(sign))), k.net.rows.Key(int32(id))...)
				k.outbox.Put(k.vnode, key, k.row)
			}
		}
	}
	k.net.reset()
	if seq > 0 {
		k.written = append(k.written, b.Epoch)
		k.stat.End.Store(int64(b.Epoch))
	}
	return k.prune()
}

// sinkEpoch is the epoch of a row of the outbox.
func sinkEpoch(key []byte) stream.Epoch { return stream.Epoch(binary.BigEndian.Uint64(key)) }

// pruneRows is the number of rows from which on the rest is left to later barriers.
const pruneRows = 1 << 14

// prune removes delivered epochs from the outbox, each as a whole: one of which a
// part is left would be delivered again as something else.
func (k *sink) prune() error {
	done := stream.Epoch(k.delivered.Load())
	if done <= k.pruned {
		return nil
	}
	var gone [][]byte
	last, from := done, binary.BigEndian.AppendUint64(nil, uint64(k.pruned)+1)
	err := k.outbox.ScanFrom(k.vnode, nil, from, func(key, _ []byte) (bool, error) {
		e := sinkEpoch(key)
		if e > done {
			return false, nil
		}
		if n := len(gone); n >= pruneRows && sinkEpoch(gone[n-1]) != e {
			last = sinkEpoch(gone[n-1])
			return false, nil
		}
		gone = append(gone, bytes.Clone(key))
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, key := range gone {
		k.outbox.Delete(k.vnode, key)
	}
	k.pruned = last
	return nil
}

// Committed tells the delivering goroutine what is durable.
func (k *sink) Committed(_ *executor.Ctx, epoch stream.Epoch) error {
	n := 0
	for n < len(k.written) && k.written[n] <= epoch {
		n++
	}
	if n > 0 {
		k.tell(k.written[n-1])
		k.written = append(k.written[:0], k.written[n:]...)
	}
	return nil
}

// tell passes on the newest epoch that may be delivered.
func (k *sink) tell(epoch stream.Epoch) {
	if epoch <= stream.Epoch(k.target.Load()) {
		return
	}
	k.target.Store(uint64(epoch))
	select {
	case k.ready <- struct{}{}:
	default:
	}
}

// pay waits until n more rows may be delivered: sink_rate_limit.
func (k *sink) pay(ctx context.Context, n int) error {
	rate := func() float64 { return k.env.rate(k.ctx.Job, SinkRate) }
	return k.env.Limits.Wait(ctx, k.ctx.Job, SinkRate, n, rate)
}

// deliver runs until Close.
func (k *sink) deliver(ctx context.Context) {
	var target connector.Sink
	defer func() {
		if target == nil {
			return
		}
		if err := target.Close(); err != nil {
			k.log.Warn("closing the sink failed", "error", err)
		}
	}()
	pause := firstPause
	for {
		select {
		case <-k.ready:
		case <-ctx.Done():
			return
		}
		for {
			err := k.deliverUpTo(ctx, &target, stream.Epoch(k.target.Load()))
			if err == nil {
				pause = firstPause
				k.stat.SetErr(nil)
				break
			}
			if ctx.Err() != nil {
				return
			}
			k.stat.SetErr(err)
			k.log.Warn("delivery failed; trying again", "error", err, "in", pause)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return
			}
			pause = min(2*pause, longestPause)
		}
	}
}

// deliverUpTo delivers the epochs of the outbox that have not been, up to one.
func (k *sink) deliverUpTo(ctx context.Context, target *connector.Sink, upTo stream.Epoch) error {
	if upTo <= stream.Epoch(k.delivered.Load()) {
		return nil
	}
	if *target == nil {
		t, err := k.def.OpenSink(ctx, k.spec.Conf.Config())
		if err != nil {
			return err
		}
		*target = t
	}
	if err := k.pay(ctx, 0); err != nil {
		return err
	}
	snap := k.ctx.Snapshot()
	defer snap.Close()
	layouts := schemaLayouts(k.spec.In.Schema())
	dec := storage.NewRowDecoder(layouts, nil)
	var (
		epoch    stream.Epoch
		builders []*vec.Builder
		ops      []int8
	)
	flush := func() error {
		if len(ops) == 0 {
			return nil
		}
		if err := k.pay(ctx, len(ops)); err != nil {
			return err
		}
		cols := make([]vec.Vec, len(builders))
		for i, b := range builders {
			cols[i] = b.Vec()
		}
		if err := (*target).Write(ctx, uint64(epoch), cols, ops, len(ops)); err != nil {
			return err
		}
		k.stat.Rows.Add(int64(len(ops)))
		k.stat.Offset.Store(int64(epoch))
		k.delivered.Store(uint64(epoch))
		ops = nil
		return nil
	}
	from := binary.BigEndian.AppendUint64(nil, k.delivered.Load()+1)
	to := binary.BigEndian.AppendUint64(nil, uint64(upTo)+1)
	err := snap.Scan(k.spec.Outbox.ID, k.vnode, from, to, func(key, value []byte) (bool, error) {
		e := sinkEpoch(key)
		if e != epoch || len(ops) == 0 {
			if err := flush(); err != nil {
				return false, err
			}
			epoch, builders = e, dec.Builders(64)
		}
		ops = append(ops, int8(value[0]))
		return true, dec.Append(builders, value[1:])
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return err
	}
	k.delivered.Store(uint64(upTo))
	return nil
}
