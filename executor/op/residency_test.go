package op

import (
	"math/rand/v2"
	"testing"
)

// TestResidency: what was evicted is always admitted, of the rest few are, while
// the filters grow.
func TestResidency(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	hash := func() uint32 { return rng.Uint32() | 1 }
	var r residency
	if r.mayHold(hash()) {
		t.Fatal("a key is outside memory while all are in it")
	}
	evicted := map[uint32]bool{}
	for len(evicted) < 500_000 {
		h := hash()
		r.evict(h)
		evicted[h] = true
	}
	for h := range evicted {
		if !r.mayHold(h) {
			t.Fatalf("an evicted key is not known")
		}
	}
	const asked = 100_000
	wrong := 0
	for range asked {
		if h := hash(); !evicted[h] && r.mayHold(h) {
			wrong++
		}
	}
	if wrong > asked*10/100 {
		t.Fatalf("%d of %d keys that are nowhere are admitted", wrong, asked)
	}
	if bits := float64(8*r.bytes()) / float64(len(evicted)); bits > 48 {
		t.Fatalf("%.1f bits a key", bits)
	}
	t.Logf("%.2f%% admitted, %.1f bits a key", 100*float64(wrong)/asked, float64(8*r.bytes())/float64(len(evicted)))
}

// TestResidencyGivesUp: filters that turn nothing away are not worth their memory,
// and others have a bound.
func TestResidencyGivesUp(t *testing.T) {
	var useless, large residency
	large.most = 100 << 10
	for k := range uint32(200_000) {
		useless.evict(k*7919 | 1)
		useless.mayHold(k*7919 | 1)
		large.evict(k*7919 | 1)
		large.mayHold(k*7919 + 3_000_000_001)
	}
	for _, r := range []*residency{&useless, &large} {
		if !r.all || r.bytes() > 0 || !r.mayHold(12345) {
			t.Errorf("the filters are still there: %d bytes", r.bytes())
		}
	}
}
