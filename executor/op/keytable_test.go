package op

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// The key columns that tests run over, with generators of few distinct values.
var keyCases = []struct {
	schema string
	gen    func(t *rapid.T) optest.Row
}{
	{"a int8", func(t *rapid.T) optest.Row { return optest.Row{genInt(t, 8)} }},
	{"a bool", func(t *rapid.T) optest.Row {
		return optest.Row{types.BoolDatum(rapid.Bool().Draw(t, "b"))}
	}},
	{"a int8, b int4, c bool", func(t *rapid.T) optest.Row {
		return optest.Row{genInt(t, 3), genInt(t, 3), types.BoolDatum(rapid.Bool().Draw(t, "b"))}
	}},
	{"a text", func(t *rapid.T) optest.Row { return optest.Row{genText(t)} }},
	{"a int8, b text", func(t *rapid.T) optest.Row { return optest.Row{genInt(t, 3), genText(t)} }},
	{"a text, b bool, c text", func(t *rapid.T) optest.Row {
		return optest.Row{genText(t), types.BoolDatum(rapid.Bool().Draw(t, "b")), genText(t)}
	}},
	{"a numeric", func(t *rapid.T) optest.Row { return optest.Row{genNumeric(t)} }},
	{"a int8, b text, c numeric, d float8", func(t *rapid.T) optest.Row {
		return optest.Row{genInt(t, 2), genText(t), genNumeric(t), types.FloatDatum(float64(rapid.IntRange(0, 2).Draw(t, "f")))}
	}},
	{"", func(*rapid.T) optest.Row { return optest.Row{} }},
}

func genInt(t *rapid.T, n int) types.Datum {
	x := rapid.IntRange(-1, n).Draw(t, "int")
	if x < 0 {
		return types.NullDatum
	}
	return types.IntDatum(int64(x))
}

func genText(t *rapid.T) types.Datum {
	x := rapid.SampledFrom([]string{"", "a", "b", "\x00", "\x01", "\x00a", "long text that is longer than a prefix", "NULL!"}).Draw(t, "text")
	if x == "NULL!" {
		return types.NullDatum
	}
	return types.BytesDatum(x)
}

func genNumeric(t *rapid.T) types.Datum {
	x := rapid.SampledFrom([]string{"1", "1.0", "1.00", "2", "-3.5", "-3.50", "NaN", ""}).Draw(t, "numeric")
	if x == "" {
		return types.NullDatum
	}
	d, err := types.ParseText(types.Of(types.Numeric), x, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func testSchema(t testing.TB, text string) types.Schema {
	if text == "" {
		return nil
	}
	return optest.Schema(t, text)
}

// TestKeyTable compares the table with a Go map of order-preserving keys.
func TestKeyTable(t *testing.T) {
	for _, c := range keyCases {
		t.Run(c.schema, func(t *testing.T) {
			schema := testSchema(t, c.schema)
			ts := schemaTypes(schema)
			texts := dictTexts
			t.Cleanup(func() { dictTexts = texts })
			rapid.Check(t, func(rt *rapid.T) {
				dictTexts = rapid.SampledFrom([]int{0, 2, 4, 100}).Draw(rt, "texts")
				kt := newKeyTable(ts)
				model := map[string]int32{}
				tags := map[string]uint32{}
				for range rapid.IntRange(1, 8).Draw(rt, "batches") {
					n := rapid.IntRange(1, 40).Draw(rt, "rows")
					changes := make([]optest.Change, n)
					for i := range changes {
						changes[i] = optest.Change{Op: stream.Insert, Row: c.gen(rt)}
					}
					cols := optest.Batch(schema, changes).Cols()
					var sel []int32
					if rapid.Bool().Draw(rt, "sel") {
						sel = []int32{}
						for i := range n {
							if rapid.Bool().Draw(rt, "take") {
								sel = append(sel, int32(i))
							}
						}
					}
					ids := make([]int32, n)
					insert := rapid.Bool().Draw(rt, "insert")
					var fresh, rows []int32
					if insert {
						fresh, rows = kt.FindOrInsert(cols, sel, n, ids)
					} else {
						kt.Find(cols, sel, n, ids)
					}
					isFresh := map[int32]int32{}
					for k, id := range fresh {
						isFresh[id] = rows[k]
					}
					for i := range n {
						if sel != nil && !contains(sel, int32(i)) {
							continue
						}
						key := string(appendStateKey(nil, ts, cols, i))
						want, ok := model[key]
						switch {
						case !ok && !insert:
							if ids[i] != -1 {
								rt.Fatalf("row %d: id %d for an unknown key", i, ids[i])
							}
						case !ok:
							if isFresh[ids[i]] != int32(i) || !kt.Live(ids[i]) {
								rt.Fatalf("row %d: new key has id %d, fresh %v of rows %v", i, ids[i], fresh, rows)
							}
							model[key] = ids[i]
						case ids[i] != want:
							rt.Fatalf("row %d: id %d, want %d", i, ids[i], want)
						}
					}
					if kt.Len() != len(model) {
						rt.Fatalf("%d keys, want %d", kt.Len(), len(model))
					}
					for key, id := range model {
						got := string(appendStateKey(nil, ts, kt.Keys([]int32{id}), 0))
						if got != key {
							rt.Fatalf("id %d: key %q, want %q", id, got, key)
						}
						tag, had := tags[key]
						if tags[key] = kt.Tag(id); had && tag != tags[key] {
							rt.Fatalf("id %d: tag %d, before %d", id, tags[key], tag)
						}
						if rapid.IntRange(0, 3).Draw(rt, "delete") == 0 {
							kt.Delete(id)
							delete(model, key)
						}
					}
					switch rapid.IntRange(0, 5).Draw(rt, "then") {
					case 0:
						var gone []int32
						for key, id := range model {
							if rapid.Bool().Draw(rt, "gone") {
								gone = append(gone, id)
								delete(model, key)
							}
						}
						slices.Sort(gone)
						kt.DeleteAll(gone)
					case 1:
						all := kt.All()
						kt = kt.Pack(all)
						for key, id := range model {
							model[key] = int32(slices.Index(all, id))
						}
					case 2:
						kt.Clear()
						clear(model)
					}
				}
			})
		})
	}
}

func contains(sel []int32, i int32) bool {
	for _, s := range sel {
		if s == i {
			return true
		}
	}
	return false
}

// TestKeyTableGrow runs enough keys through growth, deletion and compaction.
func TestKeyTableGrow(t *testing.T) {
	for _, schema := range []string{"a int8", "a text"} {
		ts := schemaTypes(optest.Schema(t, schema))
		kt := newKeyTable(ts)
		model := map[int]int32{}
		rng := rand.New(rand.NewPCG(1, 2))
		for range 200 {
			keys := make([]int, 500)
			b := vec.NewBuilder(ts[0].Layout(), len(keys))
			for i := range keys {
				keys[i] = rng.IntN(30000)
				if ts[0].Layout() == types.LInt64 {
					b.AppendInt(int64(keys[i]) << 20)
				} else {
					b.AppendString(fmt.Sprintf("key number %d", keys[i]))
				}
			}
			ids := make([]int32, len(keys))
			kt.FindOrInsert([]vec.Vec{b.Vec()}, nil, len(keys), ids)
			for i, k := range keys {
				if id, ok := model[k]; ok && id != ids[i] {
					t.Fatalf("key %d has id %d, want %d", k, ids[i], id)
				}
				model[k] = ids[i]
			}
			for k, id := range model {
				if rng.IntN(4) == 0 {
					kt.Delete(id)
					delete(model, k)
				}
			}
			if kt.Len() != len(model) {
				t.Fatalf("%d keys, want %d", kt.Len(), len(model))
			}
		}
	}
}

func BenchmarkKeyTable(b *testing.B) {
	for _, keys := range []int{1000, 100_000, 1_000_000} {
		for _, schema := range []string{"a int8", "a int8, b int8", "a int8, b int8, c int8", "a text", "a int8, b text", "a int8, few text"} {
			b.Run(fmt.Sprintf("%s/%d", schema, keys), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 2))
				const batches = 64
				ts := schemaTypes(optest.Schema(b, schema))
				var cols [batches][]vec.Vec
				for k := range cols {
					xs := make([]int64, stream.BatchRows)
					for i := range xs {
						xs[i] = rng.Int64N(int64(keys))
					}
					for j, t := range ts {
						bl := vec.NewBuilder(t.Layout(), stream.BatchRows)
						for _, x := range xs {
							if t.Layout() == types.LInt64 {
								bl.AppendInt((x >> (2 * j)) * 7919)
							} else {
								if schema == "a int8, few text" {
									x %= 7
								}
								bl.AppendString(fmt.Sprintf("user-%09d", x))
							}
						}
						cols[k] = append(cols[k], bl.Vec())
					}
				}
				kt := newKeyTable(ts)
				ids := make([]int32, stream.BatchRows)
				best := time.Duration(1 << 62) // of a pass: others use the machine too
				for i := 0; b.Loop(); i++ {
					begun := time.Now()
					for _, c := range cols[i%4*batches/4:][:batches/4] {
						kt.FindOrInsert(c, nil, stream.BatchRows, ids)
					}
					best = min(best, time.Since(begun))
				}
				b.ReportMetric(float64(batches/4*stream.BatchRows)/best.Seconds()/1e6, "Mrows/s")
			})
		}
	}
}
