package stream

import (
	"fmt"
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"streamdb/types"
	"streamdb/vec"
)

// Op is the weight of a changed row. An update is a Delete of the old row and
// an Insert of the new one; their order inside an epoch carries no meaning.
type Op int8

// The two weights.
const (
	Insert Op = +1
	Delete Op = -1
)

// BatchRows is the number of rows a producer aims at in one batch: it keeps a
// batch of wide rows within a core's second-level cache.
const BatchRows = 4096

// BatchBytes is how many bytes the values of variable length of one batch should
// have at most, give or take a few rows: rows that hold long arrays or documents
// would otherwise make batches of gigabytes.
const BatchBytes = 1 << 20

// Full reports whether the rows gathered in builders are a batch: there are
// BatchRows of them, or, which is looked at every few rows, they are BatchBytes long.
func Full(rows int, builders []*vec.Builder) bool {
	return rows >= BatchRows || rows&7 == 0 && vec.DataBytes(builders) >= BatchBytes
}

// Batch is a set of changed rows. It is immutable once made, and owned by the
// garbage collector: operators neither retain nor release it. (A Lease is between
// a source and the tasks.)
type Batch struct {
	Ops []Op // one per row; nil: all Insert

	// Once is set by an operator that changes each of its groups once an epoch: no
	// group of these rows is in any other batch of the epoch, but for a batch of deleted
	// rows and the batch of inserted rows right behind it, which begin with the groups
	// that are in both, in the same order. Calc passes it on, also where it leaves out
	// rows, of either; other batches that are made of it do not have it.
	Once bool

	n    int
	cols []vec.Vec
}

// NewBatch wraps columns of n rows each. Ops may be nil: all inserts.
func NewBatch(n int, cols []vec.Vec, ops []Op) *Batch {
	if ops != nil && len(ops) != n {
		panic(fmt.Sprintf("stream: %d ops for %d rows", len(ops), n))
	}
	for i := range cols {
		if cols[i].N != n {
			panic(fmt.Sprintf("stream: column %d has %d rows, batch has %d", i, cols[i].N, n))
		}
	}
	return &Batch{Ops: ops, n: n, cols: cols}
}

// Record is the columns as an Arrow record, made anew by each call: constants are
// spread and booleans packed, which no operator needs.
func (b *Batch) Record() arrow.Record {
	arrs := make([]arrow.Array, len(b.cols))
	key := make([]byte, len(b.cols))
	for i := range b.cols {
		arrs[i] = b.cols[i].Array()
		key[i] = byte(b.cols[i].Layout)
	}
	return array.NewRecord(schemaOf(string(key)), arrs, int64(b.n))
}

// FromRecord makes a batch from an Arrow record whose columns have one of the
// four storage types of vec.ArrowType.
func FromRecord(rec arrow.Record, ops []Op) (*Batch, error) {
	cols := make([]vec.Vec, rec.NumCols())
	for i, a := range rec.Columns() {
		v, err := vec.FromArrow(a)
		if err != nil {
			return nil, err
		}
		cols[i] = v
	}
	return &Batch{Ops: ops, n: int(rec.NumRows()), cols: cols}, nil
}

// Rows is the number of rows.
func (b *Batch) Rows() int { return b.n }

// Cols returns the columns as typed slices. They must not be written to.
func (b *Batch) Cols() []vec.Vec { return b.cols }

// Op returns the weight of row i.
func (b *Batch) Op(i int) Op {
	if b.Ops == nil {
		return Insert
	}
	return b.Ops[i]
}

// Bytes is the memory the batch's values take, for edges bounded in bytes.
func (b *Batch) Bytes() int {
	n := len(b.Ops)
	for i := range b.cols {
		c := &b.cols[i]
		n += len(c.Valid) + len(c.Bool) + 8*len(c.I64) + 8*len(c.F64) + 4*len(c.Off)
		if len(c.Off) > 0 {
			n += int(c.Off[len(c.Off)-1] - c.Off[0])
		}
	}
	return n
}

// Slice returns the rows [from, to) without a copy of values.
func (b *Batch) Slice(from, to int) *Batch {
	cols := make([]vec.Vec, len(b.cols))
	for i := range b.cols {
		cols[i] = b.cols[i].Slice(from, to)
	}
	var ops []Op
	if b.Ops != nil {
		ops = b.Ops[from:to]
	}
	return NewBatch(to-from, cols, ops)
}

// Take returns the rows named by sel as a new batch.
func (b *Batch) Take(sel []int32) *Batch {
	cols := make([]vec.Vec, len(b.cols))
	for i := range b.cols {
		cols[i] = b.cols[i].Gather(sel)
	}
	var ops []Op
	if b.Ops != nil {
		ops = make([]Op, len(sel))
		for k, i := range sel {
			ops[k] = b.Ops[i]
		}
	}
	return NewBatch(len(sel), cols, ops)
}

// schemas caches the Arrow schema by the layouts of its columns: there are far
// more batches than shapes of batches.
var schemas sync.Map // string of layouts -> *arrow.Schema

func schemaOf(layouts string) *arrow.Schema {
	if s, ok := schemas.Load(layouts); ok {
		return s.(*arrow.Schema)
	}
	fields := make([]arrow.Field, len(layouts))
	for i := range fields {
		fields[i] = arrow.Field{Name: fmt.Sprintf("c%d", i), Type: vec.ArrowType(types.Layout(layouts[i])), Nullable: true}
	}
	s := arrow.NewSchema(fields, nil)
	schemas.Store(layouts, s)
	return s
}
