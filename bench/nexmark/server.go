package main

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"runtime/metrics"
	"time"

	"streamdb/bench/internal/report"
	"streamdb/engine"
)

// usage is what the process has used up to a moment.
type usage struct {
	at       time.Time
	cpu, gc  float64 // seconds; gc as the runtime counts it: too much where cores are shared
	gcs      float64
	allocked float64 // bytes
}

func used() usage {
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/allocs:bytes"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"}}
	metrics.Read(sample)
	return usage{time.Now(), cpuTime().Seconds(), sample[0].Value.Float64() - sample[3].Value.Float64(), float64(sample[1].Value.Uint64()), float64(sample[2].Value.Uint64())}
}

// split is the options of the sources, with a split for each instance to read.
func (s *spec) split() map[string]string {
	options := maps.Clone(s.Generator)
	if options == nil {
		options = map[string]string{}
	}
	if _, set := options["nexmark.split.num"]; !set && s.Parallelism > 1 {
		options["nexmark.split.num"] = fmt.Sprint(s.Parallelism)
	}
	return options
}

// measureServer runs the query from its creation until its result holds all
// events.
func (s *spec) measureServer(q *query, o *outcome) error {
	opts := engine.Options{Parallelism: s.Parallelism}
	durable := s.Checkpoint != "off"
	opts.BarrierInterval, opts.CheckpointInterval = time.Hour, time.Hour
	if durable {
		d, err := time.ParseDuration(s.Checkpoint)
		if err != nil {
			return err
		}
		opts.BarrierInterval, opts.CheckpointInterval = d, d
	}
	b, err := newBed(opts)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.prepare(s, q); err != nil {
		return err
	}
	if err := warm(s.Generator); err != nil {
		return err
	}
	begun := used()
	if err := b.exec(q.create(s.View)); err != nil {
		return err
	}
	rows, err := b.awaitRead(q, s.Events, s.Limit)
	if err != nil {
		return err
	}
	read := used()
	if err := b.exec("FLUSH"); err != nil {
		return err
	}
	if s.View {
		if err := b.awaitCreated(); err != nil {
			return err
		}
	}
	done := used()
	part := 1.0
	if want := rowsOf(q, s.Events); rows < want {
		part = float64(rows) / float64(want)
		o.Note = fmt.Sprintf("stopped at %.0f %% of %d events after %v", 100*part, s.Events, s.Limit)
	}
	end := done
	if !durable {
		end = read
	}
	s.account(o.Metrics, begun, read, end, done, part)
	if s.Sum {
		if err := b.ints(sumOf(q), &o.Rows, &o.Sum); err != nil {
			return err
		}
	}
	return b.inspect(o.Metrics, begun.at, durable)
}

// warm makes the tables that all generators of a process share: of channels, say.
func warm(options map[string]string) error {
	f, err := newFeed(groupEvents, options, columns{"bid": "channel url price"})
	if err == nil {
		_, err = f.fill(&slotOf{})
	}
	return err
}

// prepare makes what the query reads.
func (b *bed) prepare(s *spec, q *query) error {
	tables := q.sources()
	if q.side {
		tables = append(tables, "side_input")
	}
	if err := b.make(tables, s.Events, s.split()); err != nil {
		return err
	}
	if err := b.set(s.Set); err != nil {
		return err
	}
	return b.exec("SET background_ddl = on")
}

// account writes rates and costs of the time from begun to end; the last
// checkpoint took from read to done.
func (s *spec) account(m map[string]float64, begun, read, end, done usage, part float64) {
	events := float64(s.Events) * part
	millions := events / 1e6
	seconds, cpu := end.at.Sub(begun.at).Seconds(), end.cpu-begun.cpu
	m["events"] = events
	m["seconds"] = seconds
	m["events_per_second"] = events / seconds
	m["events_per_cpu_second"] = events / cpu
	m["cpu_seconds_per_million"] = cpu / millions
	m["gc_share"] = (end.gc - begun.gc) / cpu
	m["gc_cycles"] = end.gcs - begun.gcs
	m["allocated_bytes_per_event"] = (end.allocked - begun.allocked) / events
	m["flush_seconds"] = done.at.Sub(read.at).Seconds()
	m["flush_cpu_seconds_per_million"] = (done.cpu - read.cpu) / millions
	m["cores_used"] = cpu / seconds
}

// awaitRead waits until the rows of the sources have been handled by all tasks,
// or the limit has passed; it returns how many of them the sources have made.
func (b *bed) awaitRead(q *query, events int64, limit time.Duration) (rows int64, err error) {
	want, begun := rowsOf(q, events), time.Now()
	still, last := 0, int64(-1)
	for still < 2 {
		var queued, in int64
		err := b.ints(`SELECT coalesce(sum(rows_out) FILTER (WHERE root = 'Source'), 0)::bigint, coalesce(sum(queued), 0)::bigint, coalesce(sum(rows_in), 0)::bigint
			FROM streamdb.tasks`, &rows, &queued, &in)
		if err != nil {
			return 0, err
		}
		passed := time.Since(begun)
		if passed > limit {
			return rows, nil
		}
		if rows >= want && queued == 0 && in == last {
			still++
		} else {
			still = 0
		}
		last = in
		// Half of what it will take, as it seems: asking costs CPU as well.
		wait := 4 * time.Millisecond
		if rows > 0 && rows < want {
			wait = max(wait, min(time.Duration(float64(passed)*float64(want-rows)/float64(rows))/2, 100*time.Millisecond))
		}
		time.Sleep(wait)
	}
	return rows, nil
}

// awaitCreated waits until all views can be read.
func (b *bed) awaitCreated() error {
	for creating := int64(1); ; time.Sleep(time.Millisecond) {
		if err := b.ints("SELECT count(*) FROM streamdb.jobs WHERE state = 'CREATING'", &creating); err != nil || creating == 0 {
			return err
		}
	}
}

// rowsOf is the number of rows that the sources of a query make of some events.
func rowsOf(q *query, events int64) (rows int64) {
	for _, s := range q.sources() {
		rows += map[string]int64{"person": groupPersons, "auction": groupAuctions, "bid": groupBids}[s]
	}
	return rows * (events / groupEvents)
}

// inspect asks the server about its checkpoints and its state.
func (b *bed) inspect(m map[string]float64, begun time.Time, durable bool) error {
	ctx := context.Background()
	list, err := b.conn.Query(ctx, `SELECT align_ms, flush_ms, seal_ms, align_ms + queue_ms + sort_ms + write_ms + coalesce(sync_ms, 0), stall_ms, rows::float8, bytes::float8
		FROM streamdb.checkpoints WHERE injected >= $1 AND rows IS NOT NULL AND trigger <> 'ddl' ORDER BY epoch`, begun)
	if err != nil {
		return err
	}
	defer list.Close()
	names := []string{"align_ms", "flush_ms", "seal_ms", "durable_ms", "stall_ms", "dirty_rows", "dirty_bytes"}
	epochs := make([][]float64, len(names))
	for list.Next() {
		v := make([]float64, len(names))
		to := make([]any, len(v))
		for i := range v {
			to[i] = &v[i]
		}
		if err := list.Scan(to...); err != nil {
			return err
		}
		for i := range v {
			epochs[i] = append(epochs[i], v[i])
		}
	}
	if err := list.Err(); err != nil {
		return err
	}
	m["checkpoints"] = float64(len(epochs[0]))
	if durable && len(epochs[0]) > 0 {
		for i, name := range names {
			m[name+"_p50"], m[name+"_p99"] = report.Percentile(epochs[i], .5), report.Percentile(epochs[i], .99)
		}
	}
	var keys, bytes, stored int64
	if err := b.ints(`SELECT coalesce(sum(resident), 0)::bigint, coalesce(sum(bytes), 0)::bigint FROM streamdb.state_cache`, &keys, &bytes); err != nil {
		return err
	}
	if err := b.ints(`SELECT coalesce(sum(bytes), 0)::bigint FROM streamdb.jobs`, &stored); err != nil {
		return err
	}
	m["state_keys"], m["state_bytes"], m["stored_bytes"] = float64(keys), float64(bytes), float64(stored)
	if keys > 0 {
		m["bytes_per_key"] = float64(bytes) / float64(keys)
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	m["heap_bytes"] = float64(mem.HeapAlloc)
	return nil
}
