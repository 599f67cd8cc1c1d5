package storage

import (
	"bytes"
	"slices"

	"golang.org/x/sync/errgroup"
)

// spanBytes is the least that is worth a table file, and a core, of its own, if the
// options do not say what is worth one.
const spanBytes = 2 << 20

// span is a run of the changes of a delta, for one table file.
type span struct {
	arena   arena
	changes []entry
}

// disjoint orders deltas that have changes by their keys and reports whether none reaches into
// the next one's.
func disjoint(deltas []sortedDelta) bool {
	slices.SortFunc(deltas, func(a, b sortedDelta) int { return bytes.Compare(a.first(), b.first()) })
	for i := 1; i < len(deltas); i++ {
		if bytes.Compare(deltas[i-1].last(), deltas[i].first()) >= 0 {
			return false
		}
	}
	return true
}

// cutSpans cuts deltas, ordered and disjoint, into files of about the same size, as many
// as there are cores to write them, or more where they would get too large, or fewer
// where they would be below least bytes. A file has the changes of one delta or of
// several.
func cutSpans(deltas []sortedDelta, cores, least int) (files [][]span) {
	total := 0
	for i := range deltas {
		total += deltas[i].bytes
	}
	size := min(max(total/cores+1, least), sstBytes)
	var file []span
	room := size
	for i := range deltas {
		d := &deltas[i]
		each := d.bytes/len(d.sorted) + 1
		for left := d.sorted; len(left) > 0; {
			n := min(max(room/each, 1), len(left))
			file = append(file, span{d.arena, left[:n]})
			left, room = left[n:], room-n*each
			if room < each {
				files, file, room = append(files, file), nil, size
			}
		}
	}
	if len(file) > 0 {
		files = append(files, file)
	}
	return files
}

// writeSpans writes files, in order of key, each on a core of its own; x, in
// which there may be changes before them, writes the first.
func (x *sstWriter) writeSpans(files [][]span) error {
	if len(files) == 0 {
		return x.finish()
	}
	writers := make([]*sstWriter, len(files))
	var g errgroup.Group
	for i, file := range files {
		w := x
		if i > 0 {
			w = &sstWriter{s: x.s}
		}
		writers[i] = w
		g.Go(func() error {
			for _, s := range file {
				if err := eachChange(s.changes, s.arena, w.write); err != nil {
					return err
				}
			}
			return w.finish()
		})
	}
	err := g.Wait()
	for _, w := range writers[1:] {
		if err != nil {
			w.finish() // its error is not the first one
		}
		x.paths = append(x.paths, w.paths...)
	}
	return err
}

// touchAhead is the number of changes that are brought into the cache at once: what
// is in order of key lies anywhere in the arena, and to wait for one after the other
// takes longer than to write them.
const touchAhead = 64

// eachChange calls fn for sorted changes.
func eachChange(changes []entry, in arena, fn func(change) error) error {
	for few := range slices.Chunk(changes, touchAhead) {
		touch(few, in)
		for _, e := range few {
			if err := fn(change{e.key(in), e.value(in)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// touch reads a byte of each line of the cache that changes lie on; the reads do not
// wait for one another.
//
//go:noinline
func touch(changes []entry, in arena) (sum byte) {
	for _, e := range changes {
		n := int(e.klen)
		if e.vlen < sharedValue {
			n += int(e.vlen)
		}
		piece := in.at(e.off, n)
		for i := 0; i < n; i += 64 {
			sum += piece[i]
		}
	}
	return sum
}
