package parse

import (
	"fmt"
	"reflect"
	"strings"

	"streamdb/sql/ast"
)

// blank clears what may differ between a statement and its printed form:
// positions and texts.
func blank(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			blank(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			blank(v.Index(i))
		}
	case reflect.Struct:
		t := v.Type()
		for i := range v.NumField() {
			f := v.Field(i)
			switch {
			case !f.CanSet():
			case f.Type() == reflect.TypeFor[ast.Pos]():
				f.SetInt(0)
			case t.Field(i).Name == "QueryText", t.Field(i).Name == "StmtText":
				f.SetString("")
			default:
				blank(f)
			}
		}
	}
}

// countExprs counts the expressions of a tree, wherever they hang.
func countExprs(v reflect.Value) int {
	n := 0
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return 0
		}
		if _, ok := v.Interface().(ast.Expr); ok {
			n++
		}
		n += countExprs(v.Elem())
	case reflect.Interface:
		if !v.IsNil() {
			n += countExprs(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			n += countExprs(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				n += countExprs(v.Field(i))
			}
		}
	}
	return n
}

// fixpoint checks that a statement's printed form parses back to an equal tree
// and prints the same again. It destroys the positions of s.
func fixpoint(p *Parser, s ast.Stmt) error {
	text := ast.String(s)
	again, err := p.Parse(text)
	if err != nil {
		return fmt.Errorf("printed form %q: %w", text, err)
	}
	if len(again) != 1 {
		return fmt.Errorf("printed form %q: %d statements", text, len(again))
	}
	if t := ast.String(again[0].Stmt); t != text {
		return fmt.Errorf("printed %q, then %q", text, t)
	}
	blank(reflect.ValueOf(s))
	blank(reflect.ValueOf(again[0].Stmt))
	if !reflect.DeepEqual(s, again[0].Stmt) {
		return fmt.Errorf("printed form %q has another tree", text)
	}
	return nil
}

// words is strings.Fields joined again: one line for messages.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }
