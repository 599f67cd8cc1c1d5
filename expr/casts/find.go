package casts

import (
	"sync"

	"streamdb/expr"
	"streamdb/types"
)

// Context is how eagerly a cast may be applied; a wider context allows more.
type Context uint8

// The contexts, as in pg_cast.castcontext.
const (
	Implicit   Context = iota // in expressions
	Assignment                // INSERT and UPDATE values
	Explicit                  // CAST and ::
)

type pair struct{ from, to types.ID }

// tables are the casts and their indexes, made on first use. Each Def is one
// pointer for the life of the process.
type tables struct {
	all           []*expr.Def
	index         map[pair]*expr.Def
	lengths       map[lengthKey]*expr.Def
	array, record *expr.Def // element by element
	arrayStable   *expr.Def // the same for element casts that depend on the session
}

var (
	once   sync.Once
	loaded tables
)

func load() *tables {
	once.Do(func() {
		loaded.all = makeAll()
		loaded.index = map[pair]*expr.Def{}
		loaded.lengths = map[lengthKey]*expr.Def{}
		for _, d := range loaded.all {
			switch d.Name {
			case castName:
				loaded.index[pair{d.Args[0], d.Ret}] = d
			case arrayName:
				loaded.array = d
			case arrayStableName:
				loaded.arrayStable = d
			case recordName:
				loaded.record = d
			default:
				loaded.lengths[lengthKey{d.Name, d.Ret}] = d
			}
		}
	})
	return &loaded
}

// All lists every cast and every length coercion.
func All() []*expr.Def { return load().all }

const (
	castName        = "cast"
	arrayName       = "cast_elements"
	arrayStableName = "cast_elements_stable"
	recordName      = "cast_fields"
	coerceName      = "coerce_length" // explicit: cuts what is too long
	assignName      = "assign_length" // fails on what is too long
)

// Find returns the cast from one type to another that the context allows.
// Modifiers are not looked at, but that types equal in all else get a cast that
// returns its argument. Unknown (an untyped literal) casts to everything.
func Find(from, to types.T, context Context) (*expr.Def, bool) {
	if from.ID == types.Array && to.ID == types.Array {
		return findArray(from, to, context)
	}
	if from.ID == types.Record && to.ID == types.Record {
		return load().record, len(from.Fields) == len(to.Fields)
	}
	d, ok := load().index[pair{from.ID, to.ID}]
	if !ok || !allowed(d, context) {
		return nil, false
	}
	if (from.ID == types.OIDVector || from.ID == types.Int2Vector) && to.ID == types.Array {
		elem, _ := from.ElemType()
		return d, to.Elem == nil || elem.SameKind(*to.Elem)
	}
	return d, true
}

func allowed(d *expr.Def, context Context) bool {
	switch d.Kind {
	case expr.CastImplicit:
		return true
	case expr.CastAssignment:
		return context >= Assignment
	}
	return context == Explicit
}

func findArray(from, to types.T, context Context) (*expr.Def, bool) {
	switch {
	case from.Elem == nil || to.Elem == nil || from.Elem.SameKind(*to.Elem):
		return identityOf(types.Array), true
	case from.Elem.ID == types.Unknown:
		return load().arrayStable, true
	}
	d, ok := Find(*from.Elem, *to.Elem, context)
	if ok && d.Volatile == expr.Immutable {
		return load().array, true
	}
	return load().arrayStable, ok
}

func identityOf(id types.ID) *expr.Def { return load().index[pair{id, id}] }

// CanCoerce reports whether Postgres would convert from to to by itself.
func CanCoerce(from, to types.T, context Context) bool {
	if from.SameKind(to) || from.ID == types.Unknown {
		return true
	}
	_, ok := Find(from, to, context)
	return ok
}
