package ast

import "testing"

func TestQuoteIdent(t *testing.T) {
	for in, want := range map[string]string{
		"a": "a", "a_1$": "a_1$", "A": `"A"`, "a b": `"a b"`, `a"b`: `"a""b"`, "1a": `"1a"`, "": `""`,
		"select": `"select"`, "left": `"left"`, "values": `"values"`, "é": `"é"`, "name": "name", "emit": `"emit"`,
	} {
		if got := QuoteIdent(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// TestPrecedence: parentheses stand where the tree needs them and nowhere else.
func TestPrecedence(t *testing.T) {
	col := func(s string) Expr { return &ColumnRef{Parts: []string{s}} }
	bin := func(op string, l, r Expr) Expr { return &Binary{Op: op, Left: l, Right: r} }
	un := func(op string, e Expr) Expr { return &Unary{Op: op, Expr: e} }
	a, b, c := col("a"), col("b"), col("c")
	for want, e := range map[string]Expr{
		"a + b * c":           bin("+", a, bin("*", b, c)),
		"(a + b) * c":         bin("*", bin("+", a, b), c),
		"a - b - c":           bin("-", bin("-", a, b), c),
		"a - (b - c)":         bin("-", a, bin("-", b, c)),
		"a AND b AND c":       bin("AND", bin("AND", a, b), c),
		"a AND (b OR c)":      bin("AND", a, bin("OR", b, c)),
		"(a < b) < c":         bin("<", bin("<", a, b), c),
		"NOT a = b":           un("NOT", bin("=", a, b)),
		"(NOT a) = b":         bin("=", un("NOT", a), b),
		"-(-a)":               un("-", un("-", a)),
		"-a ^ b":              bin("^", un("-", a), b),
		"~ (a || b)":          un("~", bin("||", a, b)),
		"~ a + b":             un("~", bin("+", a, b)),
		"a = ANY (b)":         &AnyAll{Op: "=", Expr: a, Array: b},
		"a IN (b) IS NULL":    &Is{Expr: &In{Expr: a, List: []Expr{b}}},
		"a BETWEEN b AND c":   &Between{Expr: a, Low: b, High: c},
		"(a, b)":              &RowExpr{Implicit: true, Items: []Expr{a, b}},
		"ROW(a)":              &RowExpr{Items: []Expr{a}},
		"CAST(-a AS integer)": &Cast{Expr: un("-", a), Type: &TypeName{Name: "integer"}},
		"(a + b).f":           &FieldSelect{Expr: bin("+", a, b), Field: "f"},
		"a COLLATE \"C\" < b": bin("<", &Collate{Expr: a, Collation: Name{Parts: []string{"C"}}}, b),
		"a LIKE b ESCAPE c":   &Like{Expr: a, Pattern: b, Escape: c},
		"(a LIKE b) LIKE c":   &Like{Expr: &Like{Expr: a, Pattern: b}, Pattern: c},
	} {
		if got := String(e); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestWalk: Walk visits each column once, and stops where it is told to.
func TestWalk(t *testing.T) {
	col := func(s string) Expr { return &ColumnRef{Parts: []string{s}} }
	q := &Query{
		With: &With{CTEs: []*CTE{{Name: "x", Query: &Query{Body: &Values{Rows: [][]Expr{{col("1")}}}}}}},
		Body: &SetOp{
			Left: &Select{
				DistinctOn: []Expr{col("2")},
				Targets:    []*Target{{Expr: &FuncCall{Args: []Expr{col("3")}, OrderBy: []*OrderItem{{Expr: col("4")}}, Filter: col("5"), Over: &WindowSpec{PartitionBy: []Expr{col("6")}, Frame: &Frame{Start: &FrameBound{Value: col("7")}}}}}},
				From:       []TableExpr{&Join{Left: &FuncTable{Call: col("8")}, Right: &SubqueryTable{Query: &Query{Body: &Select{Where: col("9")}}}, On: col("10")}},
				Where:      &Case{Operand: col("11"), Whens: []*When{{Cond: col("12"), Result: col("13")}}, Else: col("14")},
				GroupBy:    []Expr{&GroupingSet{Items: []Expr{col("15")}}},
				Having:     &In{Expr: col("16"), List: []Expr{col("17")}},
				Windows:    []*WindowDef{{Spec: &WindowSpec{OrderBy: []*OrderItem{{Expr: col("18")}}}}},
			},
			Right: &Select{Targets: []*Target{{Expr: &Subscript{Expr: col("19"), Slice: true, Low: col("20")}}}},
		},
		OrderBy: []*OrderItem{{Expr: col("21")}}, Limit: col("22"), Offset: col("23"),
	}
	seen := map[string]int{}
	Walk(q, func(n Node) bool {
		if c, ok := n.(*ColumnRef); ok {
			seen[c.Parts[0]]++
		}
		return true
	})
	if len(seen) != 23 {
		t.Errorf("%d columns seen, want 23: %v", len(seen), seen)
	}
	for c, n := range seen {
		if n != 1 {
			t.Errorf("column %s seen %d times", c, n)
		}
	}
	count := 0
	Walk(q, func(n Node) bool { count++; return false })
	if count != 1 {
		t.Errorf("%d nodes visited after a stop", count)
	}
}
