package op

import (
	"slices"
	"testing"
	"time"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// TestWithheld: operators that hand rows over at the barrier tell of them as they
// come, with their values, and of none behind it.
func TestWithheld(t *testing.T) {
	s := optest.Schema(t, "id int8, k int8, x text")
	in := &optest.Rows{Cols: s}
	out := append(slices.Clone(s), types.Column{Name: "n", Type: types.Of(types.Int8)})
	for name, c := range map[string]struct {
		spec executor.Spec
		once bool
	}{
		"view":       {spec: &Materialize{In: in, Table: RowTable{Def: TableRef{ID: 50}, Cols: s, Key: []SortKey{{Col: 0}}}}},
		"paired":     {once: true, spec: &Materialize{In: &HashAgg{In: in, Keys: []int{0, 1, 2}, Out: s}, Table: RowTable{Def: TableRef{ID: 50}, Cols: s, Key: []SortKey{{Col: 0}, {Col: 1}, {Col: 2}}}}},
		"not paired": {spec: &Materialize{In: &HashAgg{In: in, Keys: []int{0, 1, 2}, Out: s}, Table: RowTable{Def: TableRef{ID: 50}, Cols: s, Key: []SortKey{{Col: 0}, {Col: 1}, {Col: 2}}}}},
		"window": {spec: &OverWindow{In: in, Partition: []int{1}, Keys: []SortKey{{Col: 0}}, RowKey: []int{0}, Rows: TableRef{ID: 50},
			Calls: []WindowCall{{Func: "row_number", T: out[3].Type}}, Out: out}},
		"top-N":           {spec: &TopN{In: in, Group: []int{1}, Keys: []SortKey{{Col: 0}}, RowKey: []int{0}, Limit: 3, Rows: TableRef{ID: 50}}},
		"top-N of groups": {spec: &TopN{In: in, Group: []int{0}, Keys: []SortKey{{Col: 1}}, RowKey: []int{0}, Limit: 3, AppendOnly: true, Rows: TableRef{ID: 50}}},
		"as-of join": {spec: &AsOfJoin{Left: in, Right: in, Op: "<=", NullSafe: []bool{false}, Cols: []int{0, 1, 2, 5}, Out: append(slices.Clone(s), s[2]),
			L: AsOfSide{Keys: []int{1}, Time: 0, RowKey: []int{0}, Table: TableRef{ID: 50}}, R: AsOfSide{Keys: []int{1}, Time: 0, RowKey: []int{0}, Table: TableRef{ID: 51}}}},
		"singleton join": {spec: &SingletonJoin{Left: in, Right: in, Dist: []int{1}, RowKey: []int{0}, Cols: []int{0, 1, 2, 5}, Out: append(slices.Clone(s), s[2]),
			Rows: TableRef{ID: 50}, Held: TableRef{ID: 51}}},
		"temporal join": {spec: &TemporalJoin{Left: in, Right: in, NullSafe: []bool{false}, Cols: []int{0, 1, 2, 5}, Out: append(slices.Clone(s), s[2]),
			L: JoinSide{Keys: []int{1}, RowKey: []int{0}, AppendOnly: true, WindowKey: -1},
			R: JoinSide{Keys: []int{1}, RowKey: []int{0}, WindowKey: -1, Table: TableRef{ID: 51}}}},
	} {
		t.Run(name, func(t *testing.T) { withheld(t, c.spec, c.once) })
	}
}

// withheld gives an operator two epochs of rows; once: in batches that are Once.
func withheld(t *testing.T, spec executor.Spec, once bool) {
	store, err := storage.Open(storage.Options{Dir: "db", FS: storage.NewMemFS()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	x := &expr.Ctx{Now: time.Now(), Location: time.UTC}
	op, err := spec.Open(&executor.OpenCtx{Context: t.Context(), Parallelism: 1, VNodes: storage.AllVNodes, Expr: x, Env: &Env{}, Memory: executor.NewAccountant(0),
		Table: func(def storage.TableDef) storage.StateTable { return store.OpenTable(def, storage.AllVNodes) }})
	if err != nil {
		t.Fatal(err)
	}
	defer op.Close()
	w, ok := op.(executor.Withholder)
	if !ok {
		t.Fatalf("%T does not tell", op)
	}
	ctx := &executor.Ctx{Context: t.Context(), Expr: x}
	const rows, width = 500, 200
	for epoch := range int64(2) {
		if n := w.Withheld(); n != 0 {
			t.Errorf("epoch %d begins with %d bytes", epoch, n)
		}
		for part := int64(1); part <= 2; part++ {
			bs := []*vec.Builder{vec.NewBuilder(types.LInt64, rows), vec.NewBuilder(types.LInt64, rows), vec.NewBuilder(types.LBytes, rows)}
			for i := range int64(rows) {
				bs[0].AppendInt((2*epoch+part)*rows + i)
				bs[1].AppendInt(i % 7)
				bs[2].AppendBytes(make([]byte, width))
			}
			b := stream.NewBatch(rows, []vec.Vec{bs[0].Vec(), bs[1].Vec(), bs[2].Vec()}, nil)
			b.Once = once
			if err := op.Process(ctx, 0, b, &discard{}); err != nil {
				t.Fatal(err)
			}
			least := int(part) * rows * width
			if n := w.Withheld(); n < least || n > 2*least {
				t.Errorf("%d bytes for %d bytes of text in %d rows", n, least, int(part)*rows)
			}
		}
		if err := op.Barrier(ctx, stream.Barrier{Epoch: stream.Epoch(epoch + 1)}, &discard{}); err != nil {
			t.Fatal(err)
		}
	}
}
