package op

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/expr/funcs"
	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// specKind is one line of the list of operators: how it is named in pinned
// plans, the version of its fields, and how to make an empty one. A change of
// meaning of a field raises the version and adds a case to upgrade.
type specKind struct {
	kind    string
	version int
	make    func() executor.Spec
}

// kinds lists every operator that a pinned plan may name.
var kinds = []specKind{
	{"AsOfJoin", 1, func() executor.Spec { return &AsOfJoin{} }},
	{"Backfill", 1, func() executor.Spec { return &Backfill{} }},
	{"Calc", 2, func() executor.Spec { return &Calc{} }},
	{"DML", 1, func() executor.Spec { return &DML{} }},
	{"EmitOnClose", 1, func() executor.Spec { return &EmitOnClose{} }},
	{"Exchange", 1, func() executor.Spec { return &executor.Input{} }},
	{"HashAgg", 2, func() executor.Spec { return &HashAgg{WindowKey: -1} }},
	{"HashJoin", 2, func() executor.Spec { return &HashJoin{} }},
	{"Hop", 2, func() executor.Spec { return &Hop{} }},
	{"IndexScan", 1, func() executor.Spec { return &IndexScan{} }},
	{"Limit", 1, func() executor.Spec { return &Limit{} }},
	{"Materialize", 1, func() executor.Spec { return &Materialize{} }},
	{"OverWindow", 1, func() executor.Spec { return &OverWindow{} }},
	{"PartialAgg", 3, func() executor.Spec { return &PartialAgg{} }},
	{"ProjectSet", 1, func() executor.Spec { return &ProjectSet{} }},
	{"Session", 1, func() executor.Spec { return &Session{} }},
	{"SessionAgg", 1, func() executor.Spec { return &SessionAgg{} }},
	{"SingleRow", 1, func() executor.Spec { return &SingleRow{} }},
	{"SingletonJoin", 1, func() executor.Spec { return &SingletonJoin{} }},
	{"Sink", 1, func() executor.Spec { return &Sink{} }},
	{"SinkInto", 1, func() executor.Spec { return &SinkInto{} }},
	{"Sort", 1, func() executor.Spec { return &Sort{} }},
	{"Source", 1, func() executor.Spec { return &Source{} }},
	{"SourceBackfill", 1, func() executor.Spec { return &SourceBackfill{} }},
	{"TableScan", 1, func() executor.Spec { return &TableScan{} }},
	{"TemporalJoin", 1, func() executor.Spec { return &TemporalJoin{} }},
	{"TemporalFilter", 1, func() executor.Spec { return &TemporalFilter{} }},
	{"TopN", 1, func() executor.Spec { return &TopN{} }},
	{"Union", 1, func() executor.Spec { return &Union{} }},
	{"Upsert", 1, func() executor.Spec { return &Upsert{} }},
	{"Values", 1, func() executor.Spec { return &Values{} }},
	{"Virtual", 1, func() executor.Spec { return &Virtual{} }},
	{"WatermarkFilter", 1, func() executor.Spec { return &WatermarkFilter{} }},
}

func kindNamed(name string) *specKind {
	for i := range kinds {
		if kinds[i].kind == name {
			return &kinds[i]
		}
	}
	return nil
}

// specJSON is the stored form of one operator: its exported fields under their
// names, inputs nested, expressions as expr.Marshal writes them.
type specJSON struct {
	Kind    string                     `json:"kind"`
	Version int                        `json:"v"`
	Fields  map[string]json.RawMessage `json:"fields"`
}

// Marshal encodes a tree of operators in the stable form of pinned plans. nil
// encodes as null.
func Marshal(s executor.Spec) ([]byte, error) {
	if s == nil {
		return []byte("null"), nil
	}
	k := kindNamed(s.Kind())
	v := reflect.ValueOf(s)
	if k == nil || v.Kind() != reflect.Pointer {
		return nil, fmt.Errorf("op: no stored form for operator %s (%T)", s.Kind(), s)
	}
	fields, err := encodeFields(v.Elem())
	if err != nil {
		return nil, fmt.Errorf("op: %s: %w", s.Kind(), err)
	}
	return json.Marshal(specJSON{k.kind, k.version, fields})
}

// Unmarshal is the inverse of Marshal. A plan of a newer version, or one that
// names an unknown operator or function, is an error 0A000 that says so; one that
// is malformed is XX001.
func Unmarshal(b []byte) (executor.Spec, error) {
	if string(b) == "null" {
		return nil, nil
	}
	var j specJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return nil, sqlerr.Wrap(sqlerr.DataCorrupted, err, "stored plan cannot be read")
	}
	k := kindNamed(j.Kind)
	if k == nil {
		return nil, sqlerr.Newer("stored plan names operator %q, which this version does not know", j.Kind)
	}
	if j.Version > k.version {
		return nil, sqlerr.Newer("stored plan has operator %s in format %d, this version knows up to %d", j.Kind, j.Version, k.version)
	}
	s := k.make()
	if err := decodeFields(j.Fields, reflect.ValueOf(s).Elem()); err != nil {
		var e *sqlerr.Error
		if errors.As(err, &e) && e.Code == sqlerr.FeatureNotSupported { // of something below
			return nil, e
		}
		return nil, sqlerr.Wrap(sqlerr.DataCorrupted, err, "stored plan has a malformed operator %s", j.Kind)
	}
	return s, nil
}

type planJSON struct {
	Version   int            `json:"v"`
	Job       stream.JobID   `json:"job"`
	Fragments []fragmentJSON `json:"fragments"`
	Parallel  int            `json:"parallelism,omitempty"`
	NullOnErr bool           `json:"nullOnError,omitempty"`
}

type fragmentJSON struct {
	ID          int                   `json:"id"`
	Root        json.RawMessage       `json:"root"`
	Parallelism int                   `json:"parallelism,omitempty"`
	Out         executor.Distribution `json:"out"`
}

// planVersion is the version of the frame around the operators.
const planVersion = 1

// tableFormat is the newest format of a state table that any operator writes: see
// storage.TableDef. An operator that gets another layout goes on reading the
// formats before.
const tableFormat = 1

// MarshalPlan encodes the plan of a job for the catalog.
func MarshalPlan(p *executor.Plan) ([]byte, error) {
	j := planJSON{Version: planVersion, Job: p.Job, Parallel: p.Parallelism, NullOnErr: p.NullOnError}
	for i := range p.Fragments {
		f := &p.Fragments[i]
		root, err := Marshal(f.Root)
		if err != nil {
			return nil, err
		}
		j.Fragments = append(j.Fragments, fragmentJSON{f.ID, root, f.Parallelism, f.Out})
	}
	return json.Marshal(j)
}

// UnmarshalPlan is the inverse of MarshalPlan. Errors as of Unmarshal.
func UnmarshalPlan(b []byte) (*executor.Plan, error) {
	var j planJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return nil, sqlerr.Wrap(sqlerr.DataCorrupted, err, "stored plan cannot be read")
	}
	if j.Version > planVersion {
		return nil, sqlerr.Newer("stored plan has format %d, this version knows up to %d", j.Version, planVersion)
	}
	p := &executor.Plan{Job: j.Job, Parallelism: j.Parallel, NullOnError: j.NullOnErr}
	for _, f := range j.Fragments {
		root, err := Unmarshal(f.Root)
		if err != nil {
			return nil, err
		}
		p.Fragments = append(p.Fragments, executor.Fragment{ID: f.ID, Root: root, Parallelism: f.Parallelism, Out: f.Out})
	}
	for _, t := range p.Tables() {
		if t.Format > tableFormat {
			return nil, sqlerr.Newer("state table %q of a stored plan has format %d, this version knows up to %d", t.Name, t.Format, tableFormat)
		}
	}
	return p, nil
}

var (
	specType = reflect.TypeFor[executor.Spec]()
	exprType = reflect.TypeFor[expr.Expr]()
	ownPath  = reflect.TypeFor[specKind]().PkgPath()
)

// holdsNodes reports whether a type holds operators or expressions, which
// encoding/json cannot decode by itself.
func holdsNodes(t reflect.Type) bool {
	switch {
	case t == specType || t == exprType:
		return true
	case t.Kind() == reflect.Slice:
		return holdsNodes(t.Elem())
	case t.Kind() == reflect.Struct && t.PkgPath() == ownPath: // others (types.T) are plain data
		for i := range t.NumField() {
			if t.Field(i).IsExported() && holdsNodes(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

func encodeFields(v reflect.Value) (map[string]json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || v.Field(i).IsZero() && f.Name != "WindowKey" {
			continue
		}
		b, err := encodeValue(v.Field(i))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		fields[f.Name] = b
	}
	return fields, nil
}

func encodeValue(v reflect.Value) (json.RawMessage, error) {
	t := v.Type()
	switch {
	case t == specType:
		s, _ := v.Interface().(executor.Spec)
		return Marshal(s)
	case t == exprType:
		e, _ := v.Interface().(expr.Expr)
		return expr.Marshal(e)
	case !holdsNodes(t):
		return json.Marshal(v.Interface())
	case t.Kind() == reflect.Slice:
		if v.IsNil() {
			return json.RawMessage("null"), nil
		}
		list := make([]json.RawMessage, v.Len())
		for i := range list {
			b, err := encodeValue(v.Index(i))
			if err != nil {
				return nil, err
			}
			list[i] = b
		}
		return json.Marshal(list)
	}
	fields, err := encodeFields(v)
	if err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

func decodeFields(fields map[string]json.RawMessage, v reflect.Value) error {
	for name, b := range fields {
		f, ok := v.Type().FieldByName(name)
		if !ok || !f.IsExported() {
			return fmt.Errorf("unknown field %q", name)
		}
		if err := decodeValue(b, v.FieldByIndex(f.Index)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func decodeValue(b json.RawMessage, v reflect.Value) error {
	t := v.Type()
	switch {
	case t == specType:
		s, err := Unmarshal(b)
		if err == nil && s != nil {
			v.Set(reflect.ValueOf(s))
		}
		return err
	case t == exprType:
		if string(b) == "null" {
			return nil
		}
		e, err := funcs.Unmarshal(b)
		if err == nil {
			v.Set(reflect.ValueOf(e))
		}
		return err
	case !holdsNodes(t):
		return json.Unmarshal(b, v.Addr().Interface())
	case t.Kind() == reflect.Slice:
		var list []json.RawMessage
		if err := json.Unmarshal(b, &list); err != nil || list == nil {
			return err
		}
		v.Set(reflect.MakeSlice(t, len(list), len(list)))
		for i := range list {
			if err := decodeValue(list[i], v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return err
	}
	return decodeFields(fields, v)
}
