package storage

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// BenchmarkRewrite commits changes of the same rows again and again, each epoch
// synced, as a running aggregate and its view do: what a changed row costs in
// processor time, flushes and compactions included, and in time of the commit.
// The rows of an epoch are all there are, or so many by chance out of a million.
func BenchmarkRewrite(b *testing.B) {
	for _, c := range []struct{ rows, of int }{{1_000, 0}, {5_000, 0}, {14_500, 0}, {49_000, 0}, {49_000, 500_000}} {
		name := fmt.Sprint(2 * c.rows)
		if c.of > 0 {
			name += fmt.Sprintf(" of %d", 2*c.of)
		}
		b.Run(name, func(b *testing.B) {
			s, err := Open(Options{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			tables := []StateTable{s.OpenTable(TableDef{ID: 20}, AllVNodes), s.OpenTable(TableDef{ID: 21}, AllVNodes)}
			for _, table := range tables {
				defer table.Close()
			}
			rewrite(b, s, tables, max(c.of, c.rows), func(i int) int { return i })
			settleDown(s)
			pick := func(i int) int { return i }
			if c.of > 0 {
				rng := rand.New(rand.NewPCG(1, 1))
				pick = func(int) int { return rng.IntN(c.of) }
			}
			b.ResetTimer()
			cpu, wrote := processTime(), time.Duration(0)
			read, written := tableBytes(s)
			for range b.N {
				wrote += rewrite(b, s, tables, c.rows, pick)
			}
			settleDown(s)
			changed := float64(2 * c.rows * b.N)
			b.ReportMetric((processTime()-cpu).Seconds()*1e6/changed, "cpu-us/row")
			b.ReportMetric(wrote.Seconds()*1e6/changed, "commit-us/row")
			readNow, writtenNow := tableBytes(s)
			b.ReportMetric(float64(readNow-read)/changed, "read-B/row")
			b.ReportMetric(float64(writtenNow-written)/changed, "written-B/row")
		})
	}
}

// rewrite commits an epoch that changes rows of each table, and tells how long the
// commit took.
func rewrite(b *testing.B, s *Store, tables []StateTable, rows int, pick func(int) int) time.Duration {
	n := s.Visible() + 1
	var deltas []*Delta
	var key [8]byte
	var value [24]byte
	for _, table := range tables {
		for i := range rows {
			binary.BigEndian.PutUint64(key[:], uint64(pick(i))*0x9E3779B97F4A7C15)
			binary.BigEndian.PutUint64(value[:], uint64(n))
			table.Put(VNode(key[7]), key[:], value[:])
		}
		deltas = append(deltas, table.Seal(n))
	}
	info, err := s.Commit(CommitReq{Epoch: n, Deltas: deltas, Sync: true})
	if err != nil {
		b.Fatal(err)
	}
	return info.Sort + info.Write + info.Sync
}

// settleDown waits until no compaction is due.
func settleDown(s *Store) {
	for quiet := 0; quiet < 5; quiet++ {
		if m := s.db.Metrics(); m.Compact.NumInProgress > 0 || m.Flush.NumInProgress > 0 {
			quiet = 0
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// tableBytes is what flushes, compactions and commits have read and written of table files.
func tableBytes(s *Store) (read, written uint64) {
	for _, l := range s.db.Metrics().Levels {
		read += l.TableBytesRead
		written += l.TableBytesFlushed + l.TableBytesCompacted + l.TableBytesIngested
	}
	return read, written
}

// processTime is what this process has used of the processors.
func processTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
