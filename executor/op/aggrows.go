package op

import (
	"encoding/binary"

	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// rowCount is count(*) of all rows: the number that HashAgg keeps for every group
// anyway. Its stored form is that of the state of a count.
type rowCount struct{ owner *hashAgg }

func (r *rowCount) grow(int) {}

func (r *rowCount) load(_ int32, src []byte) ([]byte, error) { return r.decodeStored(0, src) }

func (r *rowCount) update([]int32, []vec.Vec, []stream.Op, []int32, int) error { return nil }

func (r *rowCount) result(_ *expr.Ctx, ids []int32, out *vec.Builder) error {
	for _, id := range ids {
		out.AppendInt(r.owner.groups[id].rows())
	}
	return nil
}

func (r *rowCount) reset(int32) {}

func (r *rowCount) encode(id int32, dst []byte) []byte {
	return binary.AppendVarint(dst, r.owner.groups[id].rows())
}

func (r *rowCount) flush() error { return nil }

func (r *rowCount) drop([]storage.VNode, [][]byte) error { return nil }

func (r *rowCount) evict(func(int32) bool) {}

func (r *rowCount) pack([]int32) error { return nil }

func (r *rowCount) bytes() int64 { return 0 }

func (r *rowCount) growStored(int) {}

func (r *rowCount) decodeStored(_ int32, src []byte) ([]byte, error) {
	_, k := binary.Varint(src)
	if k <= 0 {
		return nil, sqlerr.New(sqlerr.DataCorrupted, "a stored aggregate state cannot be read")
	}
	return src[k:], nil
}

func (r *rowCount) storedResult(_ *expr.Ctx, rows []int32, out *vec.Builder) error {
	for _, i := range rows {
		out.AppendInt(r.owner.storedRows[i])
	}
	return nil
}

func (r *rowCount) mergeStored([]int32, []int32) error { return nil }

func (r *rowCount) storedBytes() int64 { return 0 }
