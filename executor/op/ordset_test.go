package op

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestOrdSet compares two sets in one ordSet with Go maps.
func TestOrdSet(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newOrdSet()
		var roots [2]int32
		models := [2]map[string]string{{}, {}}
		for range rapid.IntRange(0, 200).Draw(rt, "steps") {
			k := rapid.IntRange(0, 1).Draw(rt, "set")
			root, model := &roots[k], models[k]
			key := rapid.SampledFrom([]string{"", "a", "ab", "a\x00", "longer than a prefix 1", "longer than a prefix 2", "b", "z"}).Draw(rt, "key")
			node := s.Find(*root, []byte(key))
			val, has := model[key]
			if has != (node != 0) || has && string(s.Val(node)) != val {
				rt.Fatalf("key %q: node %d, want %v %q", key, node, has, val)
			}
			switch op := rapid.IntRange(0, 19).Draw(rt, "op"); {
			case op == 0:
				s.Clear(root)
				clear(model)
			case op == 1:
				keys := slices.Sorted(maps.Keys(model))
				keep := rapid.IntRange(0, len(keys)).Draw(rt, "keep")
				s.Cut(root, keep)
				for _, key := range keys[keep:] {
					delete(model, key)
				}
			case op == 2:
				to := s.Pack()
				roots[0], roots[1] = to[roots[0]], to[roots[1]]
			case op < 8 && has:
				if !s.Remove(root, []byte(key)) {
					rt.Fatalf("%q cannot be removed", key)
				}
				delete(model, key)
			case op < 12 && has:
				val = fmt.Sprint("value ", op)
				s.SetVal(node, []byte(val))
				model[key] = val
			case !has:
				val = fmt.Sprint(op)
				s.Insert(root, []byte(key), []byte(val), int64(op))
				model[key] = val
			}
			var got, want []string
			s.Walk(*root, func(n int32) bool {
				got = append(got, string(s.Key(n)))
				return true
			})
			for key := range model {
				want = append(want, key)
			}
			slices.Sort(want)
			if !slices.Equal(got, want) {
				rt.Fatalf("keys %q, want %q", got, want)
			}
			if len(want) > 0 && (string(s.Key(s.Min(*root))) != want[0] || string(s.Key(s.Max(*root))) != want[len(want)-1]) {
				rt.Fatalf("ends of %q", want)
			}
			if s.Len() != len(models[0])+len(models[1]) {
				rt.Fatalf("%d keys in all", s.Len())
			}
		}
	})
}

// TestOrdSetTidy: garbage does not pile up.
func TestOrdSetTidy(t *testing.T) {
	s := newOrdSet()
	var root int32
	key := func(i int) []byte { return fmt.Appendf(nil, "a key of some length %06d", i) }
	for i := range 100_000 {
		s.Insert(&root, key(i), nil, 1)
		if i >= 100 {
			s.Remove(&root, key(i-100))
		}
	}
	if s.Len() != 100 || s.Bytes() > 1<<20 {
		t.Fatalf("%d keys in %d bytes", s.Len(), s.Bytes())
	}
}

// TestOrdSetPack: what Cut took out Pack gives back.
func TestOrdSetPack(t *testing.T) {
	s := newOrdSet()
	roots := make([]int32, 100)
	for i := range 100_000 {
		s.Insert(&roots[i%100], fmt.Appendf(nil, "a key of some length %06d", i), nil, 1)
	}
	held := s.Bytes()
	for k := range roots {
		s.Cut(&roots[k], 10)
	}
	if s.Len() != 1000 || s.Spare() < held/2 {
		t.Fatalf("%d keys, %d of %d bytes are spare", s.Len(), s.Spare(), held)
	}
	to := s.Pack()
	if used := s.Bytes() - s.Spare(); s.Bytes() > 3*used || s.Bytes() > held/20 {
		t.Fatalf("%d bytes for %d", s.Bytes(), used)
	}
	for k, root := range roots {
		if key := string(s.Key(s.Max(to[root]))); key != fmt.Sprintf("a key of some length %06d", 900+k) {
			t.Fatalf("the last key of set %d is %q", k, key)
		}
	}
}

func BenchmarkOrdSet(b *testing.B) {
	s := newOrdSet()
	var root int32
	rng := rand.New(rand.NewPCG(1, 2))
	key := make([]byte, 9)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		x := rng.Uint64N(1 << 20)
		for k := range 8 {
			key[1+k] = byte(x >> (56 - 8*k))
		}
		if s.Find(root, key) != 0 {
			s.Remove(&root, key)
		} else {
			s.Insert(&root, key, nil, 1)
		}
	}
}
