package aggs

import (
	"testing"
)

func BenchmarkCount(b *testing.B) {
	const n = 4096
	groups := make([]int32, n)
	for i := range groups {
		groups[i] = int32(i % 100)
	}
	s := &countState{}
	s.Grow(100)
	for b.Loop() {
		_ = s.Update(groups, nil, nil, nil, n)
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
