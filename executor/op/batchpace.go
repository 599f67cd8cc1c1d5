package op

import (
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// batchPace chooses how many rows to make at once where only the result shows how
// long they are: as many as fit a batch if they are like those made before. Rows of
// fixed width are never divided.
type batchPace struct {
	wide   bool // there are values of variable length
	bytes  int  // of what is made at once; 0: stream.BatchBytes
	perRow int  // bytes of a row made last; -1: none was made yet
}

// paceFirst is how many rows are made to see how long they are.
const paceFirst = 64

func newBatchPace(layouts []types.Layout) batchPace {
	p := batchPace{bytes: stream.BatchBytes, perRow: -1}
	for _, l := range layouts {
		p.wide = p.wide || l == types.LBytes
	}
	return p
}

// next is how many of the rows that are left to make now. Unless it is all of
// them, it is a multiple of 8 where that is possible, so that slices share bitmaps.
func (p *batchPace) next(left int) int {
	switch {
	case !p.wide || p.perRow == 0:
		return left
	case p.perRow < 0:
		return min(left, paceFirst)
	}
	n := p.bytes / p.perRow
	if n > 8 {
		n &^= 7
	}
	return min(left, max(n, 1))
}

// made notes what came of it.
func (p *batchPace) made(rows int, cols []vec.Vec) {
	if p.wide && rows > 0 {
		p.perRow = dataBytes(cols) / rows
	}
}

// dataBytes is the length of the values of variable length of some columns. Those of a
// constant count once.
func dataBytes(cols []vec.Vec) int {
	n := 0
	for i := range cols {
		if c := &cols[i]; len(c.Off) > 0 {
			n += int(c.Off[len(c.Off)-1] - c.Off[0])
		}
	}
	return n
}

// batchRows is how many copies of rows like those of some columns make a batch.
func batchRows(cols []vec.Vec, n int) int {
	if size := dataBytes(cols); size > n*(stream.BatchBytes/stream.BatchRows) {
		return max(1, int(int64(stream.BatchBytes)*int64(n)/int64(size)))
	}
	return stream.BatchRows
}
