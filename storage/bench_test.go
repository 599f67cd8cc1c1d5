package storage

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"streamdb/types"
	"streamdb/vec"
)

func fill(table StateTable, rng *rand.Rand, rows int) {
	var key [8]byte
	var value [64]byte
	for range rows {
		binary.BigEndian.PutUint64(key[:], rng.Uint64N(2_000_000))
		table.Put(VNode(key[7]), key[:], value[:])
	}
}

// BenchmarkCommit commits a delta of 100,000 random keys (72 bytes a row): put,
// seal, sort, write, as tables or through the log.
func BenchmarkCommit(b *testing.B) {
	for _, c := range []struct {
		name   string
		ingest int
		rows   int
	}{{"100k rows ingested", 1, 100_000}, {"10k rows through the log", 1 << 30, 10_000}, {"100 rows synced", 1 << 30, 100}} {
		b.Run(c.name, func(b *testing.B) {
			s, err := Open(Options{Dir: b.TempDir(), IngestBytes: c.ingest})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			rng := rand.New(rand.NewPCG(1, 1))
			table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
			defer table.Close()
			var info CommitInfo
			for range b.N {
				fill(table, rng, c.rows)
				n := s.Visible() + 1
				i, err := s.Commit(CommitReq{Epoch: n, Deltas: []*Delta{table.Seal(n)}, Sync: c.rows == 100})
				if err != nil {
					b.Fatal(err)
				}
				info.Sort += i.Sort
				info.Write += i.Write
				info.Sync += i.Sync
			}
			b.ReportMetric(float64(b.N*c.rows)/b.Elapsed().Seconds()/1e6, "Mrows/s")
			b.ReportMetric(float64(info.Sort.Microseconds())/float64(b.N), "sort-us")
			b.ReportMetric(float64(info.Write.Microseconds())/float64(b.N), "write-us")
			b.ReportMetric(float64(info.Sync.Microseconds())/float64(b.N), "sync-us")
		})
	}
}

func BenchmarkReads(b *testing.B) {
	s, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	rng := rand.New(rand.NewPCG(1, 1))
	table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
	defer table.Close()
	fill(table, rng, 500_000)
	if _, err := s.Commit(CommitReq{Epoch: 1, Deltas: []*Delta{table.Seal(1)}}); err != nil {
		b.Fatal(err)
	}
	const n = 1000
	keys, vnodes := make([][]byte, n), make([]VNode, n)
	for i := range keys {
		keys[i] = make([]byte, 8)
	}
	next := func() {
		for i := range keys {
			binary.BigEndian.PutUint64(keys[i], rng.Uint64N(2_000_000))
			vnodes[i] = keys[i][7]
		}
	}
	b.Run("MultiGet of 1000", func(b *testing.B) {
		for range b.N {
			next()
			if err := table.MultiGet(vnodes, keys, func(int, []byte) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "Mkeys/s")
	})
	b.Run("Get", func(b *testing.B) {
		next()
		for i := range b.N {
			if _, err := table.Get(vnodes[i%n], keys[i%n]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Snapshot.Get", func(b *testing.B) {
		next()
		for i := range b.N {
			snap := s.Snapshot()
			if _, err := snap.Get(20, vnodes[i%n], keys[i%n]); err != nil {
				b.Fatal(err)
			}
			snap.Close()
		}
	})
	b.Run("own unsealed Get", func(b *testing.B) {
		fill(table, rng, 10_000)
		next()
		for i := range b.N {
			k := keys[i%n]
			table.Put(vnodes[i%n], k, k)
			if _, err := table.Get(vnodes[i%n], k); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRow encodes and decodes rows of four integers and a string.
func BenchmarkRow(b *testing.B) {
	const n = 4096
	layouts := []types.Layout{types.LInt64, types.LInt64, types.LInt64, types.LInt64, types.LBytes}
	builders := make([]*vec.Builder, len(layouts))
	for c, l := range layouts {
		builders[c] = vec.NewBuilder(l, n)
	}
	for i := range n {
		for c := range 4 {
			builders[c].AppendInt(int64(i) << (8 * c))
		}
		builders[4].AppendString("some short text")
	}
	cols := make([]vec.Vec, len(layouts))
	for c := range cols {
		cols[c] = builders[c].Vec()
	}
	var buf []byte
	ends := make([]int, n)
	b.Run("encode", func(b *testing.B) {
		for range b.N {
			buf = buf[:0]
			for i := range n {
				buf = AppendRow(buf, cols, i)
				ends[i] = len(buf)
			}
		}
		b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "Mrows/s")
	})
	for _, need := range [][]int{nil, {1}} {
		name := "decode all"
		if need != nil {
			name = "decode one column"
		}
		b.Run(name, func(b *testing.B) {
			d := NewRowDecoder(layouts, need)
			for range b.N {
				out := d.Builders(n)
				from := 0
				for _, end := range ends {
					if err := d.Append(out, buf[from:end]); err != nil {
						b.Fatal(err)
					}
					from = end
				}
			}
			b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

// BenchmarkSmallCommit commits one row at a time, not synced: what an epoch costs
// in itself.
func BenchmarkSmallCommit(b *testing.B) {
	s, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
	defer table.Close()
	cpu := processTime()
	for i := range b.N {
		n := s.Visible() + 1
		key := binary.BigEndian.AppendUint64(nil, uint64(i)*0x9E3779B97F4A7C15)
		table.Put(VNode(key[7]), key, key)
		if _, err := s.Commit(CommitReq{Epoch: n, Deltas: []*Delta{table.Seal(n)}}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((processTime()-cpu).Seconds()*1e6/float64(b.N), "cpu-us/commit")
}
