package main

import (
	"context"
	"fmt"
	"time"

	"streamdb/connector"
	"streamdb/connector/nexmark"
	"streamdb/vec"
)

// events are the columns that the loops read, as batches in memory: typed
// slices, strings as offsets and bytes.
type events struct {
	person, auction, bid []batch
	total                int64
	took                 map[string]time.Duration // to generate each kind, its columns
}

// batch is the columns of some rows, by the position of the column in wanted.
type batch struct {
	n    int
	cols []vec.Vec
}

// wanted are the columns kept for the loops.
var wanted = map[string][]string{
	"person":  {"id", "name", "city", "state", "date_time"},
	"auction": {"id", "seller", "category", "date_time", "expires"},
	"bid":     {"auction", "bidder", "price", "date_time", "channel", "url", "extra"},
}

func generate(total int64) (*events, error) {
	e := &events{total: total, took: map[string]time.Duration{}}
	for kind, into := range map[string]*[]batch{"person": &e.person, "auction": &e.auction, "bid": &e.bid} {
		begun := time.Now()
		if err := load(kind, total, into); err != nil {
			return nil, err
		}
		e.took[kind] = time.Since(begun)
	}
	return e, nil
}

func load(kind string, total int64, into *[]batch) error {
	ctx := context.Background()
	def := nexmark.Def()
	cfg := connector.Config{Name: kind, Options: map[string]string{"nexmark.table.type": kind,
		"nexmark.event.num": fmt.Sprint(total), "nexmark.min.event.gap.in.ns": "0"}}
	var err error
	if cfg.Schema, err = def.Schema(cfg); err != nil {
		return err
	}
	var cols []int
	for _, name := range wanted[kind] {
		for i, c := range cfg.Schema {
			if c.Name == name {
				cols = append(cols, i)
			}
		}
	}
	src, err := def.OpenSource(ctx, cfg)
	if err != nil {
		return err
	}
	splits, err := src.Splits(ctx)
	if err != nil {
		return err
	}
	r, err := src.Open(ctx, splits[0], 0, cols)
	if err != nil {
		return err
	}
	next := int64(0)
	for done := false; !done; {
		c := connector.Chunk{Next: next}
		for _, i := range cols {
			c.Cols = append(c.Cols, vec.NewBuilder(cfg.Schema[i].Type.Layout(), 4096))
		}
		if err := r.Read(ctx, &c, 4096); err != nil {
			return err
		}
		next, done = c.Next, c.Done
		b := batch{n: len(c.Offsets)}
		for _, col := range c.Cols {
			b.cols = append(b.cols, col.Vec())
		}
		*into = append(*into, b)
	}
	return nil
}
