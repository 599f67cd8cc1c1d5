package nexmark

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"streamdb/connector"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// Def is the connector.
func Def() *connector.Def {
	return &connector.Def{
		Name: "nexmark",
		Doc:  "Events of the Nexmark benchmark (persons, auctions, bids), made on the fly.",
		SourceOptions: []connector.Option{
			{Name: "nexmark.table.type", Required: true, Doc: "Person, Auction or Bid"},
			{Name: "nexmark.split.num", Default: "1", Doc: "number of splits; events are dealt to them in turn"},
			{Name: "nexmark.event.num", Default: "-1", Doc: "number of events of all three kinds together; -1: no end"},
			{Name: "nexmark.min.event.gap.in.ns", Default: "100000", Doc: "least time between two events of all kinds; 0: as fast as possible"},
			{Name: "nexmark.use.real.time", Default: "false", Doc: "let events come at the pace of their date_time"},
			{Name: "nexmark.max.chunk.size", Default: "4096", Doc: "most rows in a batch"},
			{Name: "nexmark.base.time", Default: "1436918400000", Doc: "date_time of the first event, milliseconds since 1970"},
			{Name: "nexmark.first.event.rate", Default: "10000", Doc: "events a second by date_time"},
			{Name: "nexmark.active.people", Default: "1000", Doc: "persons who bid or sell at a time"},
			{Name: "nexmark.in.flight.auctions", Default: "100", Doc: "auctions that are open at a time"},
			{Name: "nexmark.hot.seller.ratio", Default: "4", Doc: "one of so many auctions is not of the hot seller"},
			{Name: "nexmark.hot.auction.ratio", Default: "2", Doc: "one of so many bids is not on the hot auction"},
			{Name: "nexmark.hot.bidder.ratio", Default: "4", Doc: "one of so many bids is not of the hot bidder"},
			{Name: "nexmark.hot.channel.ratio", Default: "2", Doc: "one of so many bids is not over a hot channel"},
			{Name: "nexmark.avg.person.byte.size", Default: "200", Doc: "mean size of a person"},
			{Name: "nexmark.avg.auction.byte.size", Default: "500", Doc: "mean size of an auction"},
			{Name: "nexmark.avg.bid.byte.size", Default: "100", Doc: "mean size of a bid"},
		},
		Check:      func(cfg connector.Config) error { _, err := parse(cfg); return err },
		OpenSource: open,
		Schema: func(cfg connector.Config) (types.Schema, error) {
			k, err := kindOf(cfg)
			if err != nil {
				return nil, err
			}
			return schemas[k], nil
		},
		Bounded: func(cfg connector.Config) bool {
			o, err := parse(cfg)
			return err == nil && o.events >= 0
		},
	}
}

// kind is one of the three tables.
type kind int

const (
	person kind = iota
	auction
	bid
)

// The proportions: events 0 of 50 are persons, 1..3 auctions, 4..49 bids.
const (
	group    = 50
	persons  = 1
	auctions = 3
	bids     = group - persons - auctions
)

var kindNames = []string{"Person", "Auction", "Bid"}

func col(name string, id types.ID) types.Column {
	return types.Column{Name: name, Type: types.Of(id)}
}

var schemas = [3]types.Schema{
	{
		col("id", types.Int8), col("name", types.Text), col("email_address", types.Text), col("credit_card", types.Text),
		col("city", types.Text), col("state", types.Text), col("date_time", types.Timestamp), col("extra", types.Text),
	}, {
		col("id", types.Int8), col("item_name", types.Text), col("description", types.Text), col("initial_bid", types.Int8),
		col("reserve", types.Int8), col("date_time", types.Timestamp), col("expires", types.Timestamp),
		col("seller", types.Int8), col("category", types.Int8), col("extra", types.Text),
	}, {
		col("auction", types.Int8), col("bidder", types.Int8), col("price", types.Int8), col("channel", types.Text),
		col("url", types.Text), col("date_time", types.Timestamp), col("extra", types.Text),
	},
}

// options is the parsed WITH list.
type options struct {
	kind     kind
	splits   int64
	events   int64 // of all kinds; -1: no end
	gap      time.Duration
	realTime bool
	chunk    int64
	base     int64 // ms
	rate     int64 // events a second of event time

	activePeople, inFlight                       int64
	hotSeller, hotAuction, hotBidder, hotChannel int64
	sizes                                        [3]int64
}

func kindOf(cfg connector.Config) (kind, error) {
	text := cfg.Text("nexmark.table.type", "")
	for i, name := range kindNames {
		if strings.EqualFold(name, text) {
			return kind(i), nil
		}
	}
	if text == "" {
		return 0, sqlerr.Unsupported("the nexmark source of all three kinds of events").WithHint("Set nexmark.table.type to Person, Auction or Bid.")
	}
	return 0, sqlerr.New(sqlerr.InvalidParameterValue, "nexmark.table.type must be Person, Auction or Bid, not %q", text)
}

func parse(cfg connector.Config) (*options, error) {
	o := &options{}
	var err error
	if o.kind, err = kindOf(cfg); err != nil {
		return nil, err
	}
	var gap int64
	for _, x := range []struct {
		name     string
		to       *int64
		def, min int64
	}{
		{"nexmark.split.num", &o.splits, 1, 1},
		{"nexmark.event.num", &o.events, -1, -1},
		{"nexmark.min.event.gap.in.ns", &gap, 100_000, 0},
		{"nexmark.max.chunk.size", &o.chunk, 4096, 1},
		{"nexmark.base.time", &o.base, 1_436_918_400_000, 0},
		{"nexmark.first.event.rate", &o.rate, 10_000, 1},
		{"nexmark.active.people", &o.activePeople, 1000, 1},
		{"nexmark.in.flight.auctions", &o.inFlight, 100, 1},
		{"nexmark.hot.seller.ratio", &o.hotSeller, 4, 1},
		{"nexmark.hot.auction.ratio", &o.hotAuction, 2, 1},
		{"nexmark.hot.bidder.ratio", &o.hotBidder, 4, 1},
		{"nexmark.hot.channel.ratio", &o.hotChannel, 2, 1},
		{"nexmark.avg.person.byte.size", &o.sizes[person], 200, 0},
		{"nexmark.avg.auction.byte.size", &o.sizes[auction], 500, 0},
		{"nexmark.avg.bid.byte.size", &o.sizes[bid], 100, 0},
	} {
		if *x.to, err = cfg.Int(x.name, x.def); err != nil {
			return nil, err
		}
		if *x.to < x.min {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "%s must be at least %d", x.name, x.min)
		}
	}
	o.gap = time.Duration(gap)
	if o.realTime, err = cfg.Bool("nexmark.use.real.time", false); err != nil {
		return nil, err
	}
	if len(cfg.Schema) > 0 {
		return o, o.checkSchema(cfg.Schema)
	}
	return o, nil
}

// checkSchema wants the connector's own columns, by name, in any number and order.
func (o *options) checkSchema(s types.Schema) error {
	for _, c := range s {
		at := columnOf(o.kind, c.Name)
		if at < 0 {
			return sqlerr.New(sqlerr.UndefinedColumn, "nexmark table %s has no column %q", kindNames[o.kind], c.Name)
		}
		want := schemas[o.kind][at].Type
		if c.Type.Layout() != want.Layout() || (c.Type.ID == types.Timestamp) != (want.ID == types.Timestamp) && c.Type.ID != types.TimestampTZ {
			return sqlerr.New(sqlerr.DatatypeMismatch, "column %q of nexmark table %s is of type %s, not %s", c.Name, kindNames[o.kind], want, c.Type)
		}
	}
	return nil
}

func columnOf(k kind, name string) int {
	for i, c := range schemas[k] {
		if c.Name == name {
			return i
		}
	}
	return -1
}

// source is the opened connector: one split per nexmark.split.num. The offset
// of a split counts events of all three kinds that were dealt to it.
type source struct {
	o    *options
	cols []int // by position in the schema of CREATE SOURCE: column of the table
}

func open(_ context.Context, cfg connector.Config) (connector.Source, error) {
	o, err := parse(cfg)
	if err != nil {
		return nil, err
	}
	s := &source{o: o}
	for _, c := range cfg.Schema {
		s.cols = append(s.cols, columnOf(o.kind, c.Name))
	}
	return s, nil
}

func (s *source) Close() error { return nil }

func (s *source) Splits(context.Context) ([]connector.Split, error) {
	splits := make([]connector.Split, s.o.splits)
	for i := range splits {
		splits[i] = connector.Split{ID: fmt.Sprint(i), End: s.o.end(int64(i))}
	}
	return splits, nil
}

// end is the offset just past the split's last event.
func (o *options) end(split int64) int64 {
	if o.events < 0 {
		return -1
	}
	return max(0, (o.events-split+o.splits-1)/o.splits)
}

func (s *source) Open(_ context.Context, split connector.Split, offset int64, cols []int) (connector.Reader, error) {
	var number int64
	if _, err := fmt.Sscan(split.ID, &number); err != nil || number < 0 || number >= s.o.splits {
		return nil, sqlerr.New(sqlerr.DataCorrupted, "nexmark source has no split %q", split.ID)
	}
	r := &reader{o: s.o, split: number, end: s.o.end(number), started: time.Now(), from: offset}
	if r.end < 0 {
		r.end = math.MaxInt64
	}
	r.gen = newGenerator(s.o)
	for _, c := range cols {
		r.cols = append(r.cols, s.cols[c])
	}
	return r, nil
}
