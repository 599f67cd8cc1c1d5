package storage

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// TestDeltaShares writes rows of which many hold the same long value, with more or
// less around it, and reads all of them back.
func TestDeltaShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		longs := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 3000), 1, 3).Draw(t, "values")
		for i := range longs { // long enough, and with a pattern that repeats
			longs[i] = bytes.Repeat(append(longs[i], byte(i), 1, 2), rapid.IntRange(1, 5).Draw(t, "times"))
		}
		d := &Delta{table: 1}
		want := map[string][]byte{}
		size := 0
		for i := range rapid.IntRange(1, 40).Draw(t, "rows") {
			key := []byte{byte(rapid.IntRange(0, 20).Draw(t, "key"))}
			if rapid.IntRange(0, 5).Draw(t, "delete") == 0 {
				d.append(3, key, nil, tombstone)
				want[string(key)] = nil
				continue
			}
			around := rapid.SliceOfN(rapid.Byte(), 0, 40)
			value := append(append(around.Draw(t, "before"), longs[i%len(longs)]...), around.Draw(t, "after")...)
			d.append(3, key, value, uint32(len(value)))
			want[string(key)] = value
			size += len(value)
		}
		for key, value := range want {
			got, ok := d.find(AppendKey(nil, 1, 3, []byte(key)))
			if !ok || !bytes.Equal(got, value) || (got == nil) != (value == nil) {
				t.Fatalf("key %x: got %d bytes %v, want %d", key, len(got), ok, len(value))
			}
		}
		if d.bytes < size {
			t.Fatalf("%d bytes are said to be %d", size, d.bytes)
		}
		for _, e := range d.sorted() {
			if got := e.value(d.arena); !bytes.Equal(got, want[string(e.key(d.arena)[keyHead:])]) {
				t.Fatal("a sorted entry has another value")
			}
		}
	})
	d := &Delta{table: 1}
	array := bytes.Repeat([]byte("0123456789abcdef"), 6<<10)
	for i := range 1000 {
		value := append(append([]byte{byte(i), byte(i >> 8)}, array...), byte(i>>3))
		d.append(0, []byte{byte(i), byte(i >> 8)}, value, uint32(len(value)))
	}
	held := 0
	for _, c := range d.arena {
		held += len(c)
	}
	if held > 4*len(array)+mostChunk {
		t.Fatalf("1000 rows with one value of %d bytes take %d", len(array), held)
	}
}
