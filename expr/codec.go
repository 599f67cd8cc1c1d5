package expr

import (
	"encoding/json"
	"fmt"

	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// node is the stored form of every Expr. Members are only ever added: pinned
// plans outlive versions.
type node struct {
	K    string            `json:"k"` // col, const, param, call, and, or, case, coalesce, in
	T    *types.T          `json:"t,omitempty"`
	I    int               `json:"i,omitempty"`    // col, param: index
	V    *types.Datum      `json:"v,omitempty"`    // const
	F    string            `json:"f,omitempty"`    // call: Def.Key
	A    []json.RawMessage `json:"a,omitempty"`    // arguments; case: Whens then Thens
	Else json.RawMessage   `json:"else,omitempty"` // case
	L    []types.Datum     `json:"l,omitempty"`    // in: list
	Not  bool              `json:"not,omitempty"`  // in
}

// Marshal encodes an expression in the stable form of pinned plans: functions
// by Def.Key. nil encodes as null.
func Marshal(e Expr) ([]byte, error) {
	if e == nil {
		return []byte("null"), nil
	}
	n := node{}
	var err error
	switch e := e.(type) {
	case *Col:
		n = node{K: "col", I: e.Index, T: &e.T}
	case *Const:
		n = node{K: "const", V: &e.Value, T: &e.T}
	case *Param:
		n = node{K: "param", I: e.Index, T: &e.T}
	case *Call:
		n = node{K: "call", F: e.Def.Key(), T: &e.T}
		n.A, err = marshalAll(e.Args)
	case *And:
		n.K = "and"
		n.A, err = marshalAll(e.Args)
	case *Or:
		n.K = "or"
		n.A, err = marshalAll(e.Args)
	case *Coalesce:
		n = node{K: "coalesce", T: &e.T}
		n.A, err = marshalAll(e.Args)
	case *Case:
		n = node{K: "case", T: &e.T}
		if n.A, err = marshalAll(append(append([]Expr{}, e.Whens...), e.Thens...)); err == nil && e.Else != nil {
			n.Else, err = Marshal(e.Else)
		}
	case *In:
		n = node{K: "in", L: e.List, Not: e.Not}
		n.A, err = marshalAll([]Expr{e.Arg})
	default:
		return nil, fmt.Errorf("expr: no stored form for %T", e)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(n)
}

func marshalAll(es []Expr) ([]json.RawMessage, error) {
	out := make([]json.RawMessage, len(es))
	for i, e := range es {
		b, err := Marshal(e)
		if err != nil {
			return nil, err
		}
		out[i] = b
	}
	return out, nil
}

// Unmarshal is the inverse of Marshal. lookup finds a Def by its key: use
// funcs.Unmarshal, which knows all of them. A key that this version does not
// know is 0A000 naming it.
func Unmarshal(b []byte, lookup func(key string) (*Def, bool)) (Expr, error) {
	var n *node
	if err := json.Unmarshal(b, &n); err != nil {
		return nil, sqlerr.Wrap(sqlerr.DataCorrupted, err, "a stored expression cannot be read")
	}
	if n == nil {
		return nil, nil
	}
	args := make([]Expr, len(n.A))
	for i, a := range n.A {
		e, err := Unmarshal(a, lookup)
		if err != nil {
			return nil, err
		}
		args[i] = e
	}
	t := types.T{}
	if n.T != nil {
		t = *n.T
	}
	switch n.K {
	case "col":
		return &Col{Index: n.I, T: t}, nil
	case "const":
		if n.V == nil {
			return nil, sqlerr.New(sqlerr.DataCorrupted, "a stored literal has no value")
		}
		return &Const{Value: *n.V, T: t}, nil
	case "param":
		return &Param{Index: n.I, T: t}, nil
	case "call":
		d, ok := lookup(n.F)
		if !ok {
			return nil, sqlerr.Newer("stored expression calls function %s, which this version does not know", n.F)
		}
		return &Call{Def: d, Args: args, T: t}, nil
	case "and":
		return &And{Args: args}, nil
	case "or":
		return &Or{Args: args}, nil
	case "coalesce":
		return &Coalesce{Args: args, T: t}, nil
	case "in":
		if len(args) != 1 {
			return nil, sqlerr.New(sqlerr.DataCorrupted, "stored IN has %d arguments", len(args))
		}
		return NewIn(args[0], n.L, n.Not), nil
	case "case":
		return unmarshalCase(n, args, t, lookup)
	}
	return nil, sqlerr.Newer("stored expression has kind %q, which this version does not know", n.K)
}

func unmarshalCase(n *node, args []Expr, t types.T, lookup func(string) (*Def, bool)) (Expr, error) {
	if len(args)%2 != 0 {
		return nil, sqlerr.New(sqlerr.DataCorrupted, "stored CASE has %d parts", len(args))
	}
	half := len(args) / 2
	out := &Case{Whens: args[:half:half], Thens: args[half:], T: t}
	if n.Else != nil {
		e, err := Unmarshal(n.Else, lookup)
		if err != nil {
			return nil, err
		}
		out.Else = e
	}
	return out, nil
}
