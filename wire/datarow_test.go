package wire

import (
	"encoding/binary"
	"testing"
	"time"

	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// TestStampCache: the remembered date prints as the type itself does.
func TestStampCache(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	us := []int64{0, -1, 1, types.Day, -types.Day, types.Day - 1, -types.Day - 1, 5_000_000, types.PosInfinity, types.NegInfinity, 1720000000_123000, 1720000000_123000,
		firstStampDay * types.Day, firstStampDay*types.Day - 1, lastStampDay*types.Day + types.Day - 1, (lastStampDay + 1) * types.Day, 0}
	for _, env := range []*types.Env{nil, {}, {TimeZone: time.UTC}, {TimeZone: paris}, {DateStyle: types.DateSQL}} {
		for _, id := range []types.ID{types.Timestamp, types.TimestampTZ, types.Date} {
			typ := types.Of(id)
			vals := us
			if id == types.Date {
				vals = []int64{0, 1, -1, 19000}
			}
			enc := newRowEncoder([]Column{{Type: typ}}, nil, env)
			cols := []vec.Vec{vec.Ints(vals)}
			for i, u := range vals {
				b, err := enc.append(nil, cols, i)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := string(b[11:]), types.Format(typ, types.IntDatum(u), env); got != want || int(binary.BigEndian.Uint32(b[7:])) != len(want) {
					t.Errorf("%s %d: %s, want %s", typ, u, got, want)
				}
			}
		}
	}
}

// TestConstantColumn: a column that holds one value for all rows.
func TestConstantColumn(t *testing.T) {
	enc := newRowEncoder([]Column{{Type: types.Of(types.Text)}, {Type: types.Of(types.Int4)}}, nil, nil)
	cols := []vec.Vec{vec.ConstOf(types.LBytes, types.BytesDatum("abc"), 9), vec.ConstOf(types.LInt64, types.NullDatum, 9)}
	b, err := enc.append(nil, cols, 8)
	if err != nil || string(b) != "D\x00\x00\x00\x11\x00\x02\x00\x00\x00\x03abc\xff\xff\xff\xff" {
		t.Errorf("%q %v", b, err)
	}
}

func TestRecount(t *testing.T) {
	for tag, want := range map[string]string{"SELECT 7": "SELECT 3", "INSERT 0 7": "INSERT 0 3", "BEGIN": "BEGIN", "CREATE TABLE": "CREATE TABLE", "": ""} {
		if got := recount(tag, 3); got != want {
			t.Errorf("%q: %q", tag, got)
		}
	}
}

// BenchmarkDataRow prints three ints, a text and a timestamp.
func BenchmarkDataRow(b *testing.B) {
	for name, format := range map[string]int16{"text": 0, "binary": 1} {
		b.Run(name, func(b *testing.B) {
			src := rowsBatch(0, stream.BatchRows).Cols()
			cols := []vec.Vec{src[0], src[0], src[0], src[1], src[2]}
			// Neighbours are 50 ms apart, as events are.
			stamps := make([]int64, stream.BatchRows)
			for i := range stamps {
				stamps[i] = 1720000000_123000 + int64(i)*50_000
			}
			cols[4] = vec.Ints(stamps)
			def := []Column{{Type: types.Of(types.Int8)}, {Type: types.Of(types.Int8)}, {Type: types.Of(types.Int4)}, {Type: types.Of(types.Text)}, {Type: types.Of(types.Timestamp)}}
			buf := make([]byte, 0, bufferCap)
			enc := newRowEncoder(def, []int16{format}, nil)
			b.ReportAllocs()
			rows := 0
			for b.Loop() {
				for i := range stream.BatchRows {
					var err error
					if buf, err = enc.append(buf, cols, i); err != nil {
						b.Fatal(err)
					}
					if len(buf) >= flushBytes {
						buf = buf[:0]
					}
				}
				rows += stream.BatchRows
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkQuery is a simple query of one row through a socket.
func BenchmarkQuery(b *testing.B) {
	_, addr := startServer(b, newFakeDB(), nil)
	r := rawConnect(b, addr)
	r.nc.SetDeadline(time.Time{})
	ask, _ := query("rows 1").Encode(nil)
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		r.nc.Write(ask)
		if _, err := r.nc.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}
