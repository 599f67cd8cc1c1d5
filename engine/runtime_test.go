package engine

import (
	"runtime"
	"testing"
	"time"
)

// TestRoomyHeap: a small heap grows to its least size before it is collected, one
// that is large by the usual share.
func TestRoomyHeap(t *testing.T) {
	const least = 256 << 20
	for live := uint64(1 << 20); live < 1<<30; live += live / 3 {
		goal := live + live*uint64(gcPercentFor(live, least))/100
		if usual := live * (100 + gcPercent) / 100; goal > max(usual, least) || goal < max(usual, least)*3/4 {
			t.Errorf("with %d MB live the heap grows to %d MB", live>>20, goal>>20)
		}
	}
}

// TestAfterCollections: what is to run after each collection does, until it is done.
func TestAfterCollections(t *testing.T) {
	ran := make(chan bool, 1)
	left := 3
	afterCollections(func() bool {
		left--
		ran <- left > 0
		return left > 0
	})
	for again := true; again; {
		runtime.GC()
		select {
		case again = <-ran:
		case <-time.After(10 * time.Second):
			t.Fatal("it did not run after a collection")
		}
	}
}
