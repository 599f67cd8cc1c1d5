package storage

import (
	"testing"

	"streamdb/types"
	"streamdb/vec"
)

// BenchmarkRowDecoder reads rows of 40 columns, a few of them or all.
func BenchmarkRowDecoder(b *testing.B) {
	var layouts []types.Layout
	var row []types.Datum
	for c := range 40 {
		if c%8 == 7 {
			layouts, row = append(layouts, types.LBytes), append(row, types.BytesDatum("some characters"))
		} else {
			layouts, row = append(layouts, types.LInt64), append(row, types.IntDatum(int64(c*c*c)))
		}
	}
	value := AppendDatums(nil, layouts, row)
	for name, need := range map[string][]int{"none": {}, "one": {20}, "four": {3, 15, 22, 30}, "all": nil} {
		b.Run(name, func(b *testing.B) {
			dec := NewRowDecoder(layouts, need)
			out := make([]*vec.Builder, len(row))
			for i := range b.N {
				if i%4096 == 0 {
					out = dec.Builders(4096)
				}
				if err := dec.Append(out, value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
