package op

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/types"
	"streamdb/vec"
)

// lateRows keeps the late rows of a WatermarkFilter ON LATE QUARANTINE.
type lateRows struct {
	table storage.StateTable // nil: they are dropped
	vnode storage.VNode
}

func (l *lateRows) begin(s *WatermarkFilter, ctx *executor.OpenCtx) {
	if s.Quarantine.ID != 0 {
		l.table, l.vnode = ctx.Table(s.Quarantine), storage.VNode(ctx.VNodes.From)
	}
}

// keep stores the rows that are not in f.sel.
func (l *lateRows) keep(f *watermarkFilter, cols []vec.Vec, n int, now int64) {
	if l.table == nil {
		return
	}
	schema := f.spec.In.Schema()
	name := schema[f.spec.Col].Name
	kept := f.sel
	number := f.count - int64(n-len(f.sel)) // of rows without _row_id
	for i := range n {
		if len(kept) > 0 && kept[0] == int32(i) {
			kept = kept[1:]
			continue
		}
		id := number
		number++
		if f.spec.RowID > 0 {
			id = cols[f.spec.RowID-1].I64[i]
		}
		key := binary.BigEndian.AppendUint32(nil, uint32(id>>rowIDShift))
		key = binary.BigEndian.AppendUint64(key, uint64(id&(1<<rowIDShift-1)))
		raw := rowJSON(schema, cols, i)
		raw = raw[:min(len(raw), quarantineRaw)]
		value := binary.LittleEndian.AppendUint64([]byte{quarantineFormat}, uint64(now))
		value = append(binary.AppendUvarint(value, uint64(len(raw))), raw...)
		t := schema[f.spec.Col].Type
		value = fmt.Appendf(value, "late: %s %s is below the watermark %s", name, types.Format(t, cols[f.spec.Col].Datum(i), nil),
			types.Format(t, types.IntDatum(f.bound), nil))
		l.table.Put(l.vnode, key, value)
	}
}

// rowJSON is the visible columns of a row as a JSON object of their text forms.
func rowJSON(s types.Schema, cols []vec.Vec, i int) []byte {
	out := []byte{'{'}
	for c := range cols {
		if s[c].Hidden || s[c].Name == "_row_id" {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		key, _ := json.Marshal(s[c].Name) // a string always has a form
		value := []byte("null")
		if d := cols[c].Datum(i); !d.Null {
			value, _ = json.Marshal(types.Format(s[c].Type, d, nil))
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}')
}
