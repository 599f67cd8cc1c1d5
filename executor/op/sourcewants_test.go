package op

import (
	"slices"
	"testing"
)

// TestWants: rows that were read before a reader announced its columns are not
// published after that.
func TestWants(t *testing.T) {
	s := &SourceState{}
	if cols, g := s.wanted(3); g != 0 || !slices.Equal(cols, []int{0, 1, 2}) {
		t.Errorf("without readers: %v, generation %d", cols, g)
	}
	s.want([]int{2})
	cols, before := s.wanted(3)
	if before == 0 || !slices.Equal(cols, []int{2}) {
		t.Errorf("one reader: %v, generation %d", cols, before)
	}
	if s.want([]int{2}); !s.publishRead("a", 10, before) {
		t.Error("nothing new was announced, and rows are not published")
	}
	s.want([]int{0, 2})
	if s.publishRead("a", 20, before) {
		t.Error("rows without a column that is wanted are published")
	}
	if pos, _ := s.position("a"); pos != 10 {
		t.Errorf("published up to %d, want 10", pos)
	}
	cols, after := s.wanted(3)
	if !slices.Equal(cols, []int{0, 2}) || !s.publishRead("a", 20, after) {
		t.Errorf("two readers: %v", cols)
	}
	none := &SourceState{}
	none.want(nil)
	if cols, g := none.wanted(3); g == 0 || len(cols) != 0 {
		t.Errorf("a reader of row numbers alone: %v, generation %d", cols, g)
	}
}
