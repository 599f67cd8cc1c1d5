package funcs_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"streamdb/expr"
	"streamdb/expr/exprtest"
	"streamdb/types"
	"streamdb/vec"
)

// TestSplitParts holds fields that are taken in one pass against those of each text
// alone: separators at all places of words of eight bytes, bytes that differ from one
// by a bit, parts about the length of a short copy.
func TestSplitParts(t *testing.T) {
	fields := []int{1, 3, 2, 7, 3}
	var es []expr.Expr
	for _, n := range fields {
		e, err := exprtest.Parse(nil, fmt.Sprintf("split_part(c0, '/', %d)", n), types.Of(types.Text))
		if err != nil {
			t.Fatal(err)
		}
		es = append(es, e)
	}
	p := expr.Prepare(es...)
	rng := rand.New(rand.NewPCG(1, 9))
	letters := []string{"/", "/", "a", ".", "\x0f", "o", "é", "0", "//", strings.Repeat("x", 15), strings.Repeat("y", 16), strings.Repeat("z", 17)}
	for batch := range 200 {
		b := vec.NewBuilder(types.LBytes, 0)
		var texts []string
		for range 1 + rng.IntN(60) {
			text := ""
			for range rng.IntN(12) {
				text += letters[rng.IntN(len(letters))]
			}
			b.AppendString(text)
			texts = append(texts, text)
		}
		in := []vec.Vec{b.Vec()}
		for k, e := range p.Exprs {
			got, err := e.Eval(&expr.Ctx{}, in, nil, len(texts))
			if err != nil {
				t.Fatal(err)
			}
			for i, text := range texts {
				want := ""
				if parts := strings.Split(text, "/"); fields[k] <= len(parts) {
					want = parts[fields[k]-1]
				}
				if x := string(got.Bytes(i)); x != want {
					t.Fatalf("batch %d: field %d of %q is %q, want %q", batch, fields[k], text, x, want)
				}
			}
		}
		p.Next()
	}
}
