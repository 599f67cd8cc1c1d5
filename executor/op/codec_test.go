package op

import (
	"reflect"
	"strings"
	"testing"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// fill sets every exported field of a spec to something that is not zero, so
// that a field which the codec loses is noticed.
func fill(t *testing.T, v reflect.Value, input executor.Spec, e expr.Expr) {
	t.Helper()
	switch {
	case v.Type() == specType:
		v.Set(reflect.ValueOf(input))
		return
	case v.Type() == exprType:
		v.Set(reflect.ValueOf(e))
		return
	case v.Type() == reflect.TypeFor[types.T]():
		v.Set(reflect.ValueOf(types.NumericOf(10, 2)))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(3)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(2)
	case reflect.String:
		v.SetString("some text")
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(t, v.Index(i), input, e)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, val := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key, input, e)
		fill(t, val, input, e)
		v.SetMapIndex(key, val)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(t, v.Field(i), input, e)
			}
		}
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		fill(t, p.Elem(), input, e)
		v.Set(p)
	default:
		t.Fatalf("no test value for %s", v.Type())
	}
}

// TestCodec round-trips every operator, all fields set and all fields zero.
func TestCodec(t *testing.T) {
	s := optest.Schema(t, "a int8, b text")
	e := operator(t, "+", col(s, 0), intConst(1))
	input := &executor.Input{Fragment: 4, Cols: s, Dist: executor.Distribution{Kind: executor.Hash, Cols: []int{1}}}
	for _, k := range kinds {
		for _, full := range []bool{false, true} {
			spec := k.make()
			if full {
				fill(t, reflect.ValueOf(spec).Elem(), input, e)
			}
			if spec.Kind() != k.kind {
				t.Fatalf("kind %s is listed as %s", spec.Kind(), k.kind)
			}
			b, err := Marshal(spec)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Unmarshal(b)
			if err != nil {
				t.Fatalf("%s: %v", b, err)
			}
			if !reflect.DeepEqual(got, spec) {
				t.Errorf("%s: got\n%#v\nwant\n%#v", b, got, spec)
			}
		}
	}
}

func TestCodecPlan(t *testing.T) {
	s := optest.Schema(t, "a int8")
	plan := &executor.Plan{Job: 7, Fragments: []executor.Fragment{
		{ID: 1, Root: &executor.Input{Upstream: 3, Cols: s}, Parallelism: 1},
		{ID: 2, Root: &Calc{In: &executor.Input{Fragment: 1, Cols: s}, Where: expr.Bool(true), Out: s}, Out: executor.Distribution{Kind: executor.Hash, Cols: []int{0}}},
	}}
	b, err := MarshalPlan(plan)
	if err != nil {
		t.Fatal(err)
	}
	got, err := UnmarshalPlan(b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, plan) {
		t.Errorf("got %#v", got)
	}
	want := `{"v":1,"job":7,"fragments":[{"id":1,"root":{"kind":"Exchange","v":1,"fields":{"Cols":[{"name":"a","type":{"id":4}}],"Upstream":3}},"parallelism":1,"out":{"kind":0}},` +
		`{"id":2,"root":{"kind":"Calc","v":2,"fields":{"In":{"kind":"Exchange","v":1,"fields":{"Cols":[{"name":"a","type":{"id":4}}],"Fragment":1}},` +
		`"Out":[{"name":"a","type":{"id":4}}],"Where":{"k":"const","t":{"id":1},"v":{"i":1}}}},"out":{"kind":1,"cols":[0]}}]}`
	if string(b) != want {
		t.Errorf("the stored form has changed:\n%s\nwant\n%s", b, want)
	}
}

func TestCodecRefuses(t *testing.T) {
	for bad, code := range map[string]string{
		`{"kind":"Calc","v":2,"fields":{"NoSuch":1}}`: sqlerr.DataCorrupted,
		`[`: sqlerr.DataCorrupted,
		`{"kind":"Limit","v":1,"fields":{"Limit":"x"}}`:                                         sqlerr.DataCorrupted,
		`{"kind":"NoSuch","v":1}`:                                                               sqlerr.FeatureNotSupported,
		`{"kind":"Calc","v":99}`:                                                                sqlerr.FeatureNotSupported,
		`{"kind":"Calc","v":2,"fields":{"In":{"kind":"Limit","v":99}}}`:                         sqlerr.FeatureNotSupported,
		`{"kind":"Calc","v":2,"fields":{"Where":{"k":"call","f":"later()->any","t":{"id":1}}}}`: sqlerr.FeatureNotSupported,
		`{"kind":"Calc","v":2,"fields":{"Where":{"k":"and","a":[{"k":"later"}]}}}`:              sqlerr.FeatureNotSupported,
	} {
		if _, err := Unmarshal([]byte(bad)); sqlerr.Code(err) != code {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for bad, want := range map[string]string{
		`{"v":2,"job":7}`: "stored plan has format 2, this version knows up to 1",
		`{"v":1,"job":7,"fragments":[{"id":1,"root":{"kind":"Values","v":1,"fields":{"Table":{"id":20,"name":"x","format":2}}},"out":{"kind":0}}]}`: `state table "x" of a stored plan has format 2, this version knows up to 1`,
	} {
		if _, err := UnmarshalPlan([]byte(bad)); sqlerr.Code(err) != sqlerr.FeatureNotSupported || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
