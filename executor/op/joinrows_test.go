package op

import (
	"strings"
	"testing"

	"streamdb/types"
	"streamdb/vec"
)

// TestJoinRowsGatherTexts: texts of all lengths, about that of a copy of fixed length,
// at the ends of an arena's chunks, none and NULL, come out as they went in.
func TestJoinRowsGatherTexts(t *testing.T) {
	for _, count := range []int{1, 2, 7, 3000} {
		in := vec.NewBuilder(types.LBytes, 0)
		var want []string
		for i := range count {
			if i%11 == 5 {
				in.AppendNull()
				want = append(want, "NULL")
				continue
			}
			text := strings.Repeat(string(rune('a'+i%26)), i%40)
			in.AppendString(text)
			want = append(want, text)
		}
		v := in.Vec()
		r := newJoinRows([]types.T{types.Of(types.Text)}, false, false, false, false)
		var slots []int32
		for i := range count {
			slots = append(slots, r.insert([]vec.Vec{v}, i, 0))
		}
		slots, want = append(slots, -1), append(want, "NULL")
		for _, at := range [][2]int{{0, count}, {0, count + 1}, {count / 2, count}, {count, count + 1}} {
			got := r.gather(0, slots[at[0]:at[1]])
			for k, w := range want[at[0]:at[1]] {
				text := "NULL"
				if !got.Null(k) {
					text = string(got.Data[got.Off[k]:got.Off[k+1]])
				}
				if text != w {
					t.Fatalf("%d rows, those of %v: row %d is %q, want %q", count, at, k, text, w)
				}
			}
		}
	}
}
