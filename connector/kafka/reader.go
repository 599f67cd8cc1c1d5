package kafka

import (
	"context"
	"errors"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"streamdb/connector"
	"streamdb/connector/format"
)

// reader reads one partition. A goroutine of its own waits for the brokers, so
// that Read never does; Close waits for it.
type reader struct {
	client  *kgo.Client
	dec     format.Decoder
	fetched chan fetch
	wake    chan struct{}
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	now     fetch // what Read is working on
}

type fetch struct {
	records []*kgo.Record
	err     error
}

// pollRecords is the most records that one fetch hands over.
const pollRecords = 4096

func newReader(client *kgo.Client, dec format.Decoder) *reader {
	ctx, cancel := context.WithCancel(context.Background())
	r := &reader{client: client, dec: dec, fetched: make(chan fetch, 2), wake: make(chan struct{}, 1), cancel: cancel}
	r.wg.Add(1)
	go func() {
		defer r.wg.Done()
		r.fetch(ctx)
	}()
	return r
}

// fetch runs until Close or an error, which Read then reports.
func (r *reader) fetch(ctx context.Context) {
	for {
		got := r.client.PollRecords(ctx, pollRecords)
		if ctx.Err() != nil {
			return
		}
		f := fetch{records: got.Records()}
		got.EachError(func(_ string, _ int32, err error) { f.err = errors.Join(f.err, err) })
		if len(f.records) == 0 && f.err == nil {
			continue
		}
		select {
		case r.fetched <- f:
		case <-ctx.Done():
			return
		}
		select {
		case r.wake <- struct{}{}:
		default:
		}
		if f.err != nil {
			return
		}
	}
}

func (r *reader) Close() error {
	r.cancel()
	r.client.Close()
	r.wg.Wait()
	return nil
}

// Wake tells that records have come.
func (r *reader) Wake() <-chan struct{} { return r.wake }

// Read decodes records that have been fetched.
func (r *reader) Read(_ context.Context, c *connector.Chunk, max int) error {
	for len(c.Offsets) < max {
		if len(r.now.records) == 0 {
			if r.now.err != nil {
				return r.now.err
			}
			select {
			case r.now = <-r.fetched:
				continue
			default:
				c.More = false
				return nil
			}
		}
		rec := r.now.records[0]
		r.now.records = r.now.records[1:]
		c.Next = rec.Offset + 1
		if err := r.dec.Decode(rec.Value, c.Cols); err != nil {
			c.Bad = append(c.Bad, connector.BadRow{Offset: rec.Offset, Raw: rec.Value, Err: err})
			continue
		}
		c.Offsets = append(c.Offsets, rec.Offset)
	}
	c.More = true
	return nil
}
