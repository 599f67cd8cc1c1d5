package engine

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"streamdb/catalog"
	"streamdb/executor/op"
	"streamdb/storage"
	"streamdb/types"
	"streamdb/vec"
)

// finding is what a check of one object says.
type finding struct {
	object   *catalog.Object
	rows     int64
	problems []string // the first mostProblems of them
	found    int      // all of them
}

// mostProblems is how many problems of one object are told one by one.
const mostProblems = 100

func (f *finding) add(format string, args ...any) {
	if f.found++; f.found <= mostProblems {
		f.problems = append(f.problems, fmt.Sprintf(format, args...))
	}
}

// storedRow is a row as it lies in the store.
type storedRow struct {
	vnode      storage.VNode
	key, value []byte
}

// checkedRows is the number of rows that are looked at together.
const checkedRows = 1024

// rows reads every stored row of an object: its value must decode to values that
// its columns can hold, and its key and vnode must be those that the values make.
func (c *checker) rows(ctx context.Context, o *catalog.Object) *finding {
	f := &finding{object: o}
	v := &rowVerifier{object: o, table: rowTable(o)}
	v.decoder = v.table.Decoder(nil)
	var batch []storedRow
	flush := func() {
		f.rows += int64(len(batch))
		if v.problem(batch) != "" {
			for i := range batch {
				if p := v.problem(batch[i : i+1]); p != "" {
					f.add("row at %s: %s", place(v.table.Def.ID, batch[i]), p)
				}
			}
		}
		batch = batch[:0]
	}
	err := c.snap.ScanTable(v.table.Def.ID, func(vnode storage.VNode, key, value []byte) (bool, error) {
		batch = append(batch, storedRow{vnode, slices.Clone(key), slices.Clone(value)})
		if len(batch) == checkedRows {
			flush()
		}
		return true, ctx.Err()
	})
	flush()
	if err != nil {
		last := ""
		if f.rows > 0 {
			last = fmt.Sprintf(" after %d rows", f.rows)
		}
		f.add("its rows cannot be read%s: %s", last, reason(err))
	}
	return f
}

// place names a stored key: table, vnode and bytes.
func place(t storage.TableID, r storedRow) string {
	return fmt.Sprintf("table %d, vnode %d, key %x", t, r.vnode, r.key)
}

// rowVerifier verifies the rows of one object.
type rowVerifier struct {
	object  *catalog.Object
	table   *op.RowTable
	decoder *storage.RowDecoder
	vnodes  []storage.VNode
	key     []byte
	text    []byte
}

// problem says what is wrong with the rows, "" for nothing. Of several rows it is
// not said which. Values of damaged bytes may make the code that reads them panic:
// that is an answer here.
func (v *rowVerifier) problem(rows []storedRow) (problem string) {
	defer func() {
		if p := recover(); p != nil {
			problem = fmt.Sprintf("a value cannot be read: %v", p)
		}
	}()
	bs := v.table.Builders(nil, len(rows))
	for i := range rows {
		if err := v.decoder.Append(bs, rows[i].value); err != nil {
			return err.Error()
		}
	}
	cols := make([]vec.Vec, len(bs))
	for i := range bs {
		cols[i] = bs[i].Vec()
	}
	for i := range cols {
		if p := v.column(&v.object.Cols[i], &cols[i], len(rows)); p != "" {
			return p
		}
	}
	v.vnodes = v.table.VNodes(cols, len(rows), v.vnodes)
	for i := range rows {
		if v.key = v.table.EncodeKey(v.key[:0], cols, i); !bytes.Equal(v.key, rows[i].key) {
			return fmt.Sprintf("its values make the key %x", v.key)
		}
		if v.vnodes[i] != rows[i].vnode {
			return fmt.Sprintf("its values belong to vnode %d", v.vnodes[i])
		}
	}
	return ""
}

// column verifies the values of one column.
func (v *rowVerifier) column(col *catalog.Column, x *vec.Vec, n int) string {
	least, most := int64(math.MinInt64), int64(math.MaxInt64)
	switch col.Type.ID {
	case types.Int2:
		least, most = math.MinInt16, math.MaxInt16
	case types.Int4, types.Date:
		least, most = math.MinInt32, math.MaxInt32
	}
	for i := range n {
		if x.Null(i) {
			if col.NotNull && !col.Dropped {
				return fmt.Sprintf("NULL in column \"%s\", which is NOT NULL", col.Name)
			}
			continue
		}
		switch x.Layout {
		case types.LInt64:
			if k := x.I64[i]; k < least || k > most {
				return fmt.Sprintf("%d in column \"%s\" is no %s", k, col.Name, col.Type)
			}
		case types.LBytes:
			switch col.Type.ID {
			case types.Bytea:
			case types.Text, types.Bpchar, types.Name:
				if !utf8.Valid(x.Bytes(i)) {
					return fmt.Sprintf("the text in column \"%s\" is not UTF-8", col.Name)
				}
			default: // whatever is malformed shows when it is printed
				v.text = types.AppendTextBytes(v.text[:0], col.Type, x.Bytes(i), nil)
			}
		}
	}
	return ""
}

// index checks an index: its own rows, then against those of its relation.
func (c *checker) index(ctx context.Context, o *catalog.Object) *finding {
	f := c.rows(ctx, o)
	if f.found > 0 {
		return f
	}
	rows, more, err := c.indexDifference(ctx, o, mostProblems)
	if err != nil {
		f.add("it cannot be compared with what it is of: %s", reason(err))
		return f
	}
	name := "its relation"
	if on := c.cat.ByID(o.Index.On); on != nil {
		name = "\"" + on.Name + "\""
	}
	ts := columnTypes(o)
	for i := range rows {
		switch r := &rows[i]; {
		case r.count > 0:
			f.add("%d rows %s are not in %s", r.count, r.text(ts), name)
		default:
			f.add("%d rows %s of %s are missing", -r.count, r.text(ts), name)
		}
	}
	f.found += more
	return f
}

// relation checks a table or materialized view with its indexes.
func (c *checker) relation(ctx context.Context, o *catalog.Object) []*finding {
	out := []*finding{c.rows(ctx, o)}
	for _, ix := range c.indexesOf(o) {
		out = append(out, c.index(ctx, ix))
	}
	return out
}
