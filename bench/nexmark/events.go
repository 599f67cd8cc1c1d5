package main

import (
	"context"
	"fmt"
	"strings"

	"streamdb/connector"
	"streamdb/connector/nexmark"
	"streamdb/types"
	"streamdb/vec"
)

// Columns of the three tables, in the connector's order.
const (
	personID, personName, personCity, personState, personTime = 0, 1, 4, 5, 6

	auctionID, auctionItem, auctionDescription, auctionInitial, auctionReserve = 0, 1, 2, 3, 4
	auctionTime, auctionExpires, auctionSeller, auctionCategory, auctionExtra  = 5, 6, 7, 8, 9

	bidAuction, bidBidder, bidPrice, bidChannel, bidURL, bidTime, bidExtra = 0, 1, 2, 3, 4, 5, 6
)

// block is the events of some groups of fifty, by kind: the columns that a query
// reads, the others empty.
type block struct {
	person, auction, bid rows
}

// rows is some columns of one kind, by the connector's numbers.
type rows struct {
	n int
	i [10][]int64
	s [10]text
}

// groupsPerBlock makes a block of as many bids as a batch of the server has.
const groupsPerBlock = 89

// The proportions of the three kinds in a group of events.
const (
	groupEvents   = 50
	groupPersons  = 1
	groupAuctions = 3
	groupBids     = 46
)

// feed makes the events of a query, block by block, in their order, by the
// connector that the server reads too: the same events, random characters and
// all.
type feed struct {
	left    int64 // groups
	streams []*stream
}

// stream is the events of one kind.
type stream struct {
	reader connector.Reader
	cols   []int
	into   func(*block) *rows
	per    int // rows in a group
	next   int64
	layout []types.Layout
}

// columns are the names of the columns that a query reads, by kind, with spaces
// between them.
type columns map[string]string

// newFeed makes events of all kinds; their number is rounded down to whole groups.
func newFeed(events int64, generator map[string]string, cols columns) (*feed, error) {
	f := &feed{left: events / groupEvents}
	for _, k := range []struct {
		kind string
		per  int
		into func(*block) *rows
	}{
		{"person", groupPersons, func(b *block) *rows { return &b.person }},
		{"auction", groupAuctions, func(b *block) *rows { return &b.auction }},
		{"bid", groupBids, func(b *block) *rows { return &b.bid }},
	} {
		if cols[k.kind] == "" {
			continue
		}
		s := &stream{per: k.per, into: k.into}
		if err := s.open(k.kind, generator, strings.Fields(cols[k.kind])); err != nil {
			return nil, err
		}
		f.streams = append(f.streams, s)
	}
	return f, nil
}

func (s *stream) open(kind string, generator map[string]string, names []string) error {
	ctx, def := context.Background(), nexmark.Def()
	cfg := connector.Config{Name: kind, Options: map[string]string{"nexmark.table.type": kind, "nexmark.min.event.gap.in.ns": "0"}}
	for k, v := range generator {
		cfg.Options[k] = v
	}
	var err error
	if cfg.Schema, err = def.Schema(cfg); err != nil {
		return err
	}
	for _, name := range names {
		at := -1
		for i, c := range cfg.Schema {
			if c.Name == name {
				at = i
			}
		}
		if at < 0 {
			return fmt.Errorf("%s has no column %s", kind, name)
		}
		s.cols = append(s.cols, at)
		s.layout = append(s.layout, cfg.Schema[at].Type.Layout())
	}
	src, err := def.OpenSource(ctx, cfg)
	if err != nil {
		return err
	}
	splits, err := src.Splits(ctx)
	if err != nil {
		return err
	}
	s.reader, err = src.Open(ctx, splits[0], 0, s.cols)
	return err
}

// slot is a block with the memory of its columns, which is used again.
type slotOf struct {
	block
	chunks []connector.Chunk
}

// fill makes the next block; false: there is none.
func (f *feed) fill(b *slotOf) (bool, error) {
	groups := min(f.left, groupsPerBlock)
	f.left -= groups
	if b.chunks == nil {
		b.chunks = make([]connector.Chunk, len(f.streams))
	}
	for i, s := range f.streams {
		if err := s.fill(&b.chunks[i], s.into(&b.block), int(groups)*s.per); err != nil {
			return false, err
		}
	}
	return groups > 0, nil
}

func (s *stream) fill(c *connector.Chunk, r *rows, n int) error {
	if c.Cols == nil {
		for _, l := range s.layout {
			c.Cols = append(c.Cols, vec.NewBuilder(l, n))
		}
	}
	for _, b := range c.Cols {
		b.I64, b.Data = b.I64[:0], b.Data[:0]
		if b.Off != nil {
			b.Off = b.Off[:1]
		}
	}
	c.Offsets, c.Next = c.Offsets[:0], s.next
	for len(c.Offsets) < n {
		if err := s.reader.Read(context.Background(), c, n-len(c.Offsets)); err != nil {
			return err
		}
	}
	s.next, r.n = c.Next, n
	for k, col := range s.cols {
		r.i[col] = c.Cols[k].I64
		r.s[col] = text{c.Cols[k].Off, c.Cols[k].Data}
	}
	return nil
}
