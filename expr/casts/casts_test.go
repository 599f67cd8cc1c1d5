package casts

import (
	"os"
	"strings"
	"testing"

	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// TestContexts: the casts and their contexts are those of Postgres's pg_cast
// (testdata/pg_cast.txt: source, target, i a or e); further ones go through text.
func TestContexts(t *testing.T) {
	b, err := os.ReadFile("testdata/pg_cast.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := map[pair]string{}
	for _, line := range strings.Fields(strings.ReplaceAll(string(b), " ", "_")) {
		f := strings.Split(strings.ReplaceAll(line, "_", " "), "|")
		from, ok1 := types.Lookup(f[0])
		to, ok2 := types.Lookup(f[1])
		if !ok1 || !ok2 {
			t.Fatal(line)
		}
		want[pair{from.ID, to.ID}] = f[2]
	}
	kinds := map[expr.DefKind]string{expr.CastImplicit: "i", expr.CastAssignment: "a", expr.CastExplicit: "e"}
	for p, context := range want {
		d, ok := Find(types.Of(p.from), types.Of(p.to), Explicit)
		if !ok || kinds[d.Kind] != context {
			t.Errorf("%s to %s: %v, want context %s", types.Of(p.from), types.Of(p.to), d, context)
		}
	}
	str := func(id types.ID) bool { return types.Of(id).Category() == 'S' }
	for _, d := range All() {
		p := pair{d.Args[0], d.Ret}
		if d.Name != castName || want[p] != "" || p.from == p.to || p.from == types.Unknown || p.to == types.Array {
			continue
		}
		switch {
		case str(p.to) && d.Kind == expr.CastAssignment, str(p.from) && !str(p.to) && d.Kind == expr.CastExplicit:
		default:
			t.Errorf("Postgres has no cast %s", d.Key())
		}
	}
}

func TestCoerce(t *testing.T) {
	lit := &expr.Const{Value: types.BytesDatum("abcd"), T: types.Of(types.Unknown)}
	v2 := types.T{ID: types.Text, Mod: 3}
	for _, c := range []struct {
		context Context
		want    string
		code    string
	}{{Explicit, "ab", ""}, {Assignment, "", sqlerr.StringDataRightTruncation}} {
		e, err := Coerce(nil, lit, v2, c.context)
		if sqlerr.Code(err) != c.code {
			t.Fatal(err)
		}
		if err == nil && e.(*expr.Const).Value.S != c.want {
			t.Fatal(e)
		}
		// The same for a value that is known later.
		col := &expr.Param{Index: 0, T: types.Of(types.Text)}
		if e, err = Coerce(nil, col, v2, c.context); err != nil {
			t.Fatal(err)
		}
		d, err := expr.EvalRow(&expr.Ctx{Params: []types.Datum{types.BytesDatum("abcd")}}, e)
		if sqlerr.Code(err) != c.code || d.S != c.want {
			t.Fatal(d, err)
		}
	}
	if _, err := Coerce(nil, expr.Bool(true), types.Of(types.Date), Explicit); sqlerr.Code(err) != sqlerr.CannotCoerce {
		t.Fatal(err)
	}
	if _, err := Coerce(nil, expr.Bool(true), types.Of(types.Int4), Implicit); sqlerr.Code(err) != sqlerr.DatatypeMismatch {
		t.Fatal(err)
	}
	if _, err := Coerce(nil, lit, types.Of(types.Int4), Implicit); sqlerr.Code(err) != sqlerr.InvalidTextRepresentation {
		t.Fatal(err)
	}
}
