package executor

import (
	"strings"
	"testing"

	"streamdb/types"
)

func TestPlanValidate(t *testing.T) {
	feed := newFeed().spec()
	text := &Input{Fragment: 1, Cols: types.Schema{{Type: types.Of(types.Text)}}}
	for _, c := range []struct {
		plan Plan
		want string
	}{
		{Plan{Job: 1}, "no fragments"},
		{Plan{Job: 1, Fragments: []Fragment{{ID: 1, Root: feed}, {ID: 1, Root: feed}}}, "appears twice"},
		{Plan{Job: 1, Fragments: []Fragment{{ID: 2, Root: sumSpec(20, input(0, 1, Hash))}, {ID: 1, Root: feed}}}, "not before it"},
		{Plan{Job: 1, Fragments: []Fragment{{ID: 1, Root: feed}, {ID: 2, Root: sumSpec(20, text)}}}, "differently"},
		{Plan{Job: 1, Fragments: []Fragment{{ID: 1, Root: feed}, {ID: 2, Root: sumSpec(20, &Input{Fragment: 1})}}}, "0 columns"},
		{Plan{Job: 1, Fragments: []Fragment{{ID: 1, Root: sumSpec(20, &Input{Upstream: 3, Dist: Distribution{Kind: Hash, Cols: []int{4}}, Cols: intSchema})}}}, "column 4 of 1"},
		{Plan{Job: 1, Fragments: []Fragment{{ID: 1, Root: feed}, {ID: 2, Root: sumSpec(20, input(0, 1, Hash), input(7, 0, Hash), input(7, 0, Single))}}}, ""},
	} {
		err := c.plan.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.plan, err, c.want)
		}
		if c.want == "" {
			if ups := c.plan.Upstreams(); len(ups) != 1 || ups[0] != 7 {
				t.Errorf("upstreams %v", ups)
			}
			if tables := c.plan.Tables(); len(tables) != 1 || tables[0].ID != 20 {
				t.Errorf("tables %v", tables)
			}
		}
	}
	in := &Input{Upstream: 7, Dist: Distribution{Kind: Hash, Cols: []int{0, 2}}}
	if got := in.Explain(); got != "job 7 hash(0, 2)" {
		t.Errorf("explain %q", got)
	}
	if got := (&Input{Fragment: 3, Dist: Distribution{Kind: Broadcast}}).Explain(); got != "fragment 3 broadcast" {
		t.Errorf("explain %q", got)
	}
}
