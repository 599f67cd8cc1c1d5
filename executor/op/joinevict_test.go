package op

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// evictingJoin is a join of two relations k int8, v int8, s text by k, with the row key v.
func evictingJoin(kind JoinKind) (types.Schema, optest.Build) {
	i8 := types.Of(types.Int8)
	schema := types.Schema{{Name: "k", Type: i8}, {Name: "v", Type: i8}, {Name: "s", Type: types.Of(types.Text)}}
	return schema, func(in []executor.Spec) executor.Spec {
		side := JoinSide{Keys: []int{0}, RowKey: []int{1}, WindowKey: -1}
		s := &HashJoin{Type: kind, Left: in[0], Right: in[1], L: side, R: side, Cols: []int{0, 1, 2, 4, 5}}
		s.Out = types.Schema{schema[0], schema[1], schema[2], schema[1], schema[2]}
		s.L.Table, s.R.Table = TableRef{ID: 93, Name: "l"}, TableRef{ID: 94, Name: "r"}
		return s
	}
}

// TestJoinEvictsSome compares a join that has memory for a third of its rows with
// what it should output, over epochs that touch some keys more often than others.
func TestJoinEvictsSome(t *testing.T) {
	for _, kind := range []JoinKind{InnerJoin, LeftJoin, FullJoin} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			caches := &Caches{}
			schema, build := evictingJoin(kind)
			old := joinEvictMin
			joinEvictMin = 0
			defer func() { joinEvictMin = old }()
			h := optest.New(t, []types.Schema{schema, schema}, build, optest.Options{Evict: true, Limit: 400 << 10, Env: &Env{Caches: caches}})
			rnd := rand.New(rand.NewPCG(1, uint64(kind)))
			const keys = 2000
			rows := [2]map[int64]optest.Row{{}, {}} // by v
			byKey := [2]map[int64]map[int64]bool{{}, {}}
			for epoch := range 24 {
				if epoch == 12 {
					h.Restart()
				}
				for in := range 2 {
					var cs []optest.Change
					for range 300 {
						v := rnd.Int64N(2 * keys)
						if rnd.IntN(3) > 0 {
							v = rnd.Int64N(200)
						}
						if r, ok := rows[in][v]; ok {
							cs = append(cs, optest.Change{Op: stream.Delete, Row: r})
							delete(rows[in], v)
							delete(byKey[in][r[0].I], v)
							if rnd.IntN(4) == 0 {
								continue
							}
						}
						r := optest.Row{types.IntDatum(v * 7 % keys), types.IntDatum(v), types.BytesDatum(fmt.Sprintf("row %d of epoch %d", v, epoch))}
						cs = append(cs, optest.Change{Op: stream.Insert, Row: r})
						rows[in][v] = r
						if byKey[in][r[0].I] == nil {
							byKey[in][r[0].I] = map[int64]bool{}
						}
						byKey[in][r[0].I][v] = true
					}
					h.Push(in, cs)
				}
				if h.Barrier(); epoch%4 != 3 {
					continue
				}
				want := optest.Net{}
				null := types.NullDatum
				emit := func(l, r optest.Row) {
					out := optest.Row{null, null, null, null, null}
					if l != nil {
						copy(out, l)
					}
					if r != nil {
						copy(out[3:], r[1:])
					}
					want.Add(optest.Text(h.Schema(), out), 1)
				}
				for _, l := range rows[0] {
					for v := range byKey[1][l[0].I] {
						emit(l, rows[1][v])
					}
					if kind != InnerJoin && len(byKey[1][l[0].I]) == 0 {
						emit(l, nil)
					}
				}
				for _, r := range rows[1] {
					if kind == FullJoin && len(byKey[0][r[0].I]) == 0 {
						emit(nil, r)
					}
				}
				if got := h.Sum(); got.String() != want.String() {
					t.Fatalf("epoch %d: %d rows, want %d", epoch, len(got), len(want))
				}
			}
			caches.Each(func(_ CacheKey, s *CacheStat) {
				t.Logf("%d keys, %d kB, %d hits, %d misses, %d evicted", s.Resident.Load(), s.Bytes.Load()>>10, s.Hits.Load(), s.Misses.Load(), s.Evicted.Load())
				if s.Hits.Load() == 0 || s.Misses.Load() == 0 || s.Evicted.Load() == 0 || s.Resident.Load() == 0 {
					t.Error("nothing left, or all did")
				}
			})
			if h.Memory() > 450<<10 {
				t.Errorf("the join holds %d bytes", h.Memory())
			}
		})
	}
}

// TestJoinLeavesAside: of a large relation that is joined with a small one no more
// comes to memory than what changes, when memory is short; that all of it is there the
// small one finds out.
func TestJoinLeavesAside(t *testing.T) {
	old := joinEvictMin
	joinEvictMin = 0
	defer func() { joinEvictMin = old }()
	caches := &Caches{}
	schema, build := evictingJoin(InnerJoin)
	h := optest.New(t, []types.Schema{schema, schema}, build, optest.Options{Evict: true, Limit: 128 << 10, Env: &Env{Caches: caches}})
	row := func(k, v int, s string) optest.Row {
		return optest.Row{types.IntDatum(int64(k)), types.IntDatum(int64(v)), types.BytesDatum(s)}
	}
	const keys, each = 50, 400
	text := func(v int) string { return fmt.Sprintf("fact %d", v) }
	var dims []optest.Change
	for k := range keys {
		dims = append(dims, optest.Change{Op: stream.Insert, Row: row(k, k, "old")})
	}
	h.Push(1, dims)
	for v := 0; v < keys*each; {
		var cs []optest.Change
		for range 500 {
			cs = append(cs, optest.Change{Op: stream.Insert, Row: row(v%keys, v, text(v))})
			v++
		}
		h.Push(0, cs)
		h.Barrier()
	}
	h.Restart()
	var cs []optest.Change
	for v := range 300 { // of each key some rows change, and the last of them go
		if cs = append(cs, optest.Change{Op: stream.Delete, Row: row(v%keys, v, text(v))}); v < 250 {
			cs = append(cs, optest.Change{Op: stream.Insert, Row: row(v%keys, v, "changed")})
		}
	}
	h.Push(0, cs)
	if h.Barrier(); h.Peak() > 100<<10 {
		t.Errorf("%d bytes for %d changes", h.Peak(), len(cs))
	}
	caches.Each(func(_ CacheKey, s *CacheStat) {
		if s.Misses.Load() != keys {
			t.Errorf("%d keys were read, not %d", s.Misses.Load(), keys)
		}
	})
	// In one epoch a row comes, before the small side asks for all.
	h.Push(0, []optest.Change{{Op: stream.Insert, Row: row(7, keys*each, "late")}, {Op: stream.Delete, Row: row(7, 7, "changed")}})
	h.Push(1, []optest.Change{{Op: stream.Delete, Row: row(7, 7, "old")}, {Op: stream.Insert, Row: row(7, 7, "new")}})
	h.Barrier()
	want := optest.Net{}
	for v := range keys*each + 1 {
		s, d := text(v), "old"
		switch {
		case v == 7 || v >= 250 && v < 300:
			continue
		case v == keys*each:
			s = "late"
		case v < 250:
			s = "changed"
		}
		k := v % keys
		if v == keys*each {
			k = 7
		}
		if k == 7 {
			d = "new"
		}
		want.Add(optest.Text(h.Schema(), optest.Row{types.IntDatum(int64(k)), types.IntDatum(int64(v)), types.BytesDatum(s), types.IntDatum(int64(k)), types.BytesDatum(d)}), 1)
	}
	if got := h.Sum(); got.String() != want.String() {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
}

var joinRowsLong = flag.Int("join.rows", 0, "BenchmarkJoinBeyondMemory: rows of each side, instead of 500,000")

// BenchmarkJoinBeyondMemory probes a join whose state is four times its memory (a
// limit of 256 MB for 5 million rows on both sides: half of 512 MB is for state), at random and with a hot set, rows a second.
func BenchmarkJoinBeyondMemory(b *testing.B) {
	n := 500_000
	if *joinRowsLong > 0 {
		n = *joinRowsLong
	}
	schema, build := evictingJoin(InnerJoin)
	caches := &Caches{}
	h := optest.New(b, []types.Schema{schema, schema}, build, optest.Options{Evict: true, Limit: int64(n) * (256 << 20) / 5_000_000,
		Env: &Env{Caches: caches}, Discard: true, Dir: b.TempDir()})
	next := func(in, from, rows int, v func(i int) int64) *stream.Batch {
		k, vs, s := make([]int64, rows), make([]int64, rows), vec.NewBuilder(types.LBytes, rows)
		for i := range k {
			vs[i] = v(from + i)
			k[i] = vs[i] % int64(n)
			s.AppendString("some text")
		}
		batch := stream.NewBatch(rows, []vec.Vec{vec.Ints(k), vec.Ints(vs), s.Vec()}, nil)
		if err := h.PushBatch(in, batch); err != nil {
			b.Fatal(err)
		}
		return batch
	}
	minus := slices.Repeat([]stream.Op{stream.Delete}, stream.BatchRows)
	var came []*stream.Batch // rows that go again eight batches later, so that the state stays as large as it is
	for from := 0; from < n; from += stream.BatchRows {
		rows := min(stream.BatchRows, n-from)
		for in := range 2 {
			next(in, from, rows, func(i int) int64 { return int64(i) * 7919 % int64(n) })
		}
		if from/stream.BatchRows%16 == 15 {
			h.Barrier()
		}
	}
	h.Barrier()
	fresh := int64(n)
	for _, hot := range []bool{false, true} {
		b.Run(map[bool]string{false: "random", true: "hot"}[hot], func(b *testing.B) {
			var stat *CacheStat
			caches.Each(func(_ CacheKey, s *CacheStat) { stat = s })
			came = nil
			hits, misses := stat.Hits.Load(), stat.Misses.Load()
			rnd := rand.New(rand.NewPCG(1, 2))
			start, cpu := time.Now(), cpuTime()
			for i := 0; b.Loop(); i++ {
				came = append(came, next(i&1, 0, stream.BatchRows, func(int) int64 {
					fresh++
					key := rnd.Int64N(int64(n))
					if hot && rnd.IntN(10) > 0 {
						key = rnd.Int64N(int64(n / 10))
					}
					return fresh*int64(n) + key
				}))
				if len(came) > 8 {
					if err := h.PushBatch(i&1, stream.NewBatch(stream.BatchRows, came[0].Cols(), minus)); err != nil {
						b.Fatal(err)
					}
					came = came[1:]
				}
				if i%4 == 3 {
					h.Barrier()
				}
			}
			hits, misses = stat.Hits.Load()-hits, stat.Misses.Load()-misses
			b.ReportMetric(float64(b.N)*stream.BatchRows/time.Since(start).Seconds(), "rows/s")
			b.ReportMetric(float64(b.N)*stream.BatchRows/(cpuTime()-cpu).Seconds(), "rows/cpu-s")
			b.ReportMetric(100*float64(hits)/float64(max(1, hits+misses)), "%hit")
			b.ReportMetric(float64(h.Memory())/(1<<20), "MB")
		})
	}
}

// TestJoinAsideOfNothing: a key whose side leaves memory without rows gets its first
// one while it is away. Once the key has left altogether, the row is still found.
func TestJoinAsideOfNothing(t *testing.T) {
	defer func(n int64) { joinEvictMin = n }(joinEvictMin)
	joinEvictMin = 0
	schema := optest.Schema(t, "k text, v int8, id int8")
	c := joinCase{kind: InnerJoin, keyed: [2]bool{true, true}, grow: [2]bool{true, true}}
	for limit := int64(1); limit < 1<<15; limit += limit/8 + 1 {
		h := optest.New(t, []types.Schema{schema, schema}, c.build(t, schema), optest.Options{Evict: true, Limit: limit})
		h.PushText(0, "+ x 0 0\n+ x 0 1")
		h.PushText(1, "+ bb 0 0\n+ a 0 1")
		h.Barrier()
		h.PushText(0, "+ a 3 7\n+ bb 3 5\n+ x 0 6")
		h.Barrier()
		h.PushText(1, "+ a 1 5")
		h.Barrier()
		if n := len(h.Sum()); n != 3 {
			t.Fatalf("with %d bytes: %d pairs, want 3: %v", limit, n, h.Sum())
		}
		h.Close()
	}
}
