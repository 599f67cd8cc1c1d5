package bind

import (
	"strconv"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/types"
)

// TypeOf resolves a type as the user named it.
func (b *Binder) TypeOf(n *ast.TypeName) (types.T, error) {
	if n.IsArray() {
		elem, err := b.TypeOf(n.Elem())
		if err != nil {
			return types.T{}, err
		}
		if elem.ID == types.Array { // Postgres's arrays have no fixed number of dimensions
			return elem, nil
		}
		if elem.ArrayOID() == 0 {
			return types.T{}, b.errAt(n, sqlerr.UndefinedObject, "could not find array type for data type %s", elem)
		}
		return types.ArrayOf(elem), nil
	}
	if n.SetOf {
		return types.T{}, b.unsupported(n, "SETOF")
	}
	if n.Name == "struct" || n.Name == "map" {
		return types.T{}, b.unsupported(n, "type %s", n.Name)
	}
	if n.Schema != "" && n.Schema != "pg_catalog" && n.Schema != "public" {
		return types.T{}, b.errAt(n, sqlerr.UndefinedObject, "type \"%s.%s\" does not exist", n.Schema, n.Name)
	}
	name := n.Name
	if n.Schema == "pg_catalog" {
		name = "pg_catalog." + name
	}
	t, ok := types.Lookup(name)
	if !ok {
		switch n.Name {
		case "timetz", "bit", "varbit", "uuid", "json", "xml", "money", "inet", "cidr", "macaddr", "point", "vector", "rw_int256":
			return types.T{}, b.unsupported(n, "type %s", n.Name)
		}
		return types.T{}, b.errAt(n, sqlerr.UndefinedObject, "type \"%s\" does not exist", n.Name)
	}
	if n.Interval != "" {
		precision := -1
		if len(n.Args) == 1 {
			p, err := strconv.Atoi(n.Args[0])
			if err != nil {
				return types.T{}, b.errAt(n, sqlerr.SyntaxError, "type modifiers must be simple constants or identifiers")
			}
			precision = p
		}
		t, err := types.IntervalOf(n.Interval, precision)
		return t, b.place(n, err)
	}
	if len(n.Args) == 0 {
		return t, nil
	}
	args := make([]int64, len(n.Args))
	for i, a := range n.Args {
		v, err := strconv.ParseInt(a, 10, 64)
		if err != nil {
			return types.T{}, b.errAt(n, sqlerr.SyntaxError, "type modifiers must be simple constants or identifiers")
		}
		args[i] = v
	}
	if n.Name == "float" {
		t, err := types.FloatOfPrecision(args[0])
		return t, b.place(n, err)
	}
	t, err := t.WithMod(args)
	return t, b.place(n, err)
}
