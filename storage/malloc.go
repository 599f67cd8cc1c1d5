//go:build cgo && linux

package storage

/*
#include <malloc.h>

// With an arena per thread, blocks that come and go leave holes in a dozen of
// them: the cache then took several times its size. And without a fixed threshold
// a freed memtable teaches malloc to keep the next ones in an arena too.
static void streamdb_malloc(void) {
#ifdef __GLIBC__
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 256 << 10);
#endif
}
*/
import "C"

// The store's cache and memtables are C memory. This must be said before other
// threads allocate, so an Open would be too late.
func init() { C.streamdb_malloc() }
