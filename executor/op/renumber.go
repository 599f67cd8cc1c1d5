package op

import (
	"reflect"

	"streamdb/executor"
	"streamdb/storage"
)

// Renumber gives the state tables that ids names other numbers, everywhere in a
// plan: in the state of its operators, and where they read rows of other jobs.
// The plan is changed in place; it must not be running.
func Renumber(p *executor.Plan, ids map[storage.TableID]storage.TableID) {
	for i := range p.Fragments {
		executor.Walk(p.Fragments[i].Root, func(s executor.Spec) {
			if v := reflect.ValueOf(s); v.Kind() == reflect.Pointer {
				renumber(v.Elem(), ids)
			}
		})
	}
}

var tableIDType = reflect.TypeFor[storage.TableID]()

// renumber changes the table ids in the exported fields of v, which may be set.
// Inputs and expressions are behind interfaces, which it does not enter.
func renumber(v reflect.Value, ids map[storage.TableID]storage.TableID) {
	switch {
	case v.Type() == tableIDType:
		if id, ok := ids[storage.TableID(v.Uint())]; ok {
			v.SetUint(uint64(id))
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				renumber(v.Field(i), ids)
			}
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			renumber(v.Index(i), ids)
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		renumber(v.Elem(), ids)
	}
}

// CatchUpAgain makes a job that stopped while the sources among live went on read
// what it missed of them, from where it stopped; see SourceBackfill.Again.
func CatchUpAgain(p *executor.Plan, live func(*executor.Input) bool) {
	for i := range p.Fragments {
		executor.Walk(p.Fragments[i].Root, func(s executor.Spec) {
			b, ok := s.(*SourceBackfill)
			if !ok {
				return
			}
			if in, ok := b.In.(*executor.Input); ok && live(in) {
				b.Again++
			}
		})
	}
}
