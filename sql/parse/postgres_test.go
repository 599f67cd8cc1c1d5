package parse

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"

	pgquery "github.com/wasilibs/go-pgquery"
)

// These tests hold our trees against Postgres's own grammar. A statement is
// parsed here and printed with every operator in parentheses; Postgres must see
// the same tree in the original and in the printed form. Precedence, clauses,
// names and types are all compared that way.

// pgTree is Postgres's tree of a text, without positions and with the spellings
// that we take for the same made equal.
func pgTree(sql string) (any, error) {
	j, err := pgquery.ParseToJSON(sql)
	if err != nil {
		return nil, err
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(j), &v); err != nil {
		return nil, err
	}
	return normalize(v["stmts"]), nil
}

// normalize rewrites a tree bottom up.
func normalize(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = normalize(v[i])
		}
	case map[string]any:
		for k, x := range v {
			switch k {
			case "location", "stmt_location", "stmt_len", "relpersistence":
				delete(v, k)
				continue
			case "sortby_dir":
				if x == "SORTBY_ASC" {
					v[k] = "SORTBY_DEFAULT"
				}
				continue
			}
			v[k] = normalize(x)
		}
		for k, x := range v {
			if m, ok := x.(map[string]any); ok {
				normalizeNode(k, m)
			}
		}
	}
	return v
}

// normalizeNode makes spellings equal that Postgres keeps apart and we do not.
func normalizeNode(kind string, m map[string]any) {
	switch kind {
	case "FuncCall":
		if m["funcformat"] == "COERCE_SQL_SYNTAX" {
			m["funcformat"] = "COERCE_EXPLICIT_CALL"
			m["funcname"] = withoutCatalog(m["funcname"])
		}
	case "TypeName", "typeName", "returnType":
		names := withoutCatalog(m["names"])
		if l, ok := names.([]any); ok && len(l) == 1 {
			s := l[0].(map[string]any)["String"].(map[string]any)
			if c, ok := typeSpellings[fmt.Sprint(s["sval"])]; ok {
				s["sval"] = c
			}
		}
		m["names"] = names
	case "A_Expr":
		m["name"] = withoutCatalog(m["name"])
	case "A_Indirection":
		// ((c).i).a is (c).i.a
		if arg, ok := m["arg"].(map[string]any); ok {
			if inner, ok := arg["A_Indirection"].(map[string]any); ok {
				m["arg"] = inner["arg"]
				m["indirection"] = append(append([]any{}, inner["indirection"].([]any)...), m["indirection"].([]any)...)
			}
		}
	case "SubLink":
		if l, ok := m["operName"]; ok {
			m["operName"] = withoutCatalog(l)
		}
	case "SelectStmt":
		// LIMIT ALL is no limit.
		if c, ok := m["limitCount"].(map[string]any); ok {
			if k, ok := c["A_Const"].(map[string]any); ok && k["isnull"] == true && m["limitOption"] == "LIMIT_OPTION_COUNT" {
				delete(m, "limitCount")
				if m["limitOffset"] == nil {
					m["limitOption"] = "LIMIT_OPTION_DEFAULT"
				}
			}
		}
	}
}

var typeSpellings = map[string]string{"string": "varchar", "decimal": "numeric", "double": "float8", "bigint": "int8"}

func withoutCatalog(v any) any {
	l, ok := v.([]any)
	if !ok || len(l) != 2 {
		return v
	}
	m, ok := l[0].(map[string]any)["String"].(map[string]any)
	if ok && m["sval"] == "pg_catalog" {
		return l[1:]
	}
	return v
}

// verdict is what the comparison of one statement says.
type verdict int

const (
	same verdict = iota
	different
	weReject
	postgresRejects
	refused // by a clear "not supported" of ours
	bothReject
)

var verdicts = []string{"same", "different", "we reject", "Postgres rejects", "refused", "both reject"}

// compare holds one statement against Postgres.
func compare(p *Parser, sql string) (verdict, string) {
	want, pgErr := pgTree(sql)
	stmts, err := p.Parse(sql)
	switch {
	case err != nil && pgErr != nil:
		return bothReject, ""
	case sqlerr.Code(err) == sqlerr.FeatureNotSupported:
		return refused, err.Error()
	case err != nil:
		return weReject, err.Error()
	case pgErr != nil:
		return postgresRejects, pgErr.Error()
	case len(stmts) != 1:
		return different, fmt.Sprintf("%d statements", len(stmts))
	}
	text := ast.Explicit(stmts[0].Stmt)
	got, err := pgTree(text)
	if err != nil {
		return different, fmt.Sprintf("%s: %v", text, err)
	}
	if !reflect.DeepEqual(got, want) {
		return different, text
	}
	return same, ""
}

// comparable says whether a statement is one whose tree Postgres shares with us.
func comparable(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.Query, *ast.Insert, *ast.Update, *ast.Delete, *ast.CreateView:
		return true
	case *ast.CreateMaterializedView:
		return true
	case *ast.Explain:
		return comparable(s.Stmt)
	case *ast.DeclareCursor:
		return s.Query != nil
	}
	return false
}

// tally counts verdicts and logs the first few of each kind.
type tally struct {
	t      *testing.T
	counts [bothReject + 1]int
	shown  [bothReject + 1]int
}

func (c *tally) add(v verdict, sql, detail string) {
	c.counts[v]++
	if v == same || v == bothReject {
		return
	}
	if c.shown[v]++; c.shown[v] <= 20 {
		c.t.Logf("%s: %.500s\n\t%.500s", verdicts[v], words(sql), words(detail))
	}
}

func (c *tally) report() {
	for v, n := range c.counts {
		c.t.Logf("%-17s %d", verdicts[v], n)
	}
}

var lambda = regexp.MustCompile(`\(.*, \|[a-z, ]+\| `)

// badToken is a parameter or a bit string that is wrong in itself.
var badToken = regexp.MustCompile(`\$0|\$1a|\$70000|b'012'|x'0g'`)

// artefact says why the trees of a statement differ although nothing is wrong, or
// "" if there is no such reason.
func artefact(sql string) string {
	switch {
	case lambda.MatchString(sql):
		return "a lambda, which Postgres takes for a prefix operator"
	case strings.Contains(sql, "current_schema()"):
		return "a bare call with parentheses, which Postgres keeps apart"
	case badToken.MatchString(sql):
		return "a token that Postgres refuses later than its parser"
	case strings.Contains(strings.ToLower(sql), " only t "):
		return "ONLY, which says nothing where no table inherits"
	}
	return ""
}

// TestPostgresCorpus compares all queries of the corpora.
func TestPostgresCorpus(t *testing.T) {
	p := New()
	for name, load := range map[string]func(testing.TB) []record{
		"slt":  func(t testing.TB) []record { return sltRecords(t, sltDir) },
		"psql": psqlQueries,
	} {
		t.Run(name, func(t *testing.T) {
			c := tally{t: t}
			seen := map[string]bool{}
			for _, r := range load(t) {
				for _, sql := range comparableTexts(p, r) {
					if key := words(sql); seen[key] || artefact(sql) != "" {
						continue
					} else {
						seen[key] = true
					}
					v, detail := compare(p, sql)
					c.add(v, sql, detail)
				}
			}
			c.report()
			accepted := c.counts[same] + c.counts[different]
			if share := 100 * float64(accepted) / float64(max(1, accepted+c.counts[weReject])); share < 99.5 {
				t.Errorf("we accept %.2f %% of what Postgres accepts", share)
			}
			if n := c.counts[different]; n > 0 {
				t.Errorf("%d trees differ", n)
			}
		})
	}
}

// TestPostgresGolden compares the inputs of the golden files.
func TestPostgresGolden(t *testing.T) {
	c := tally{t: t}
	p := New()
	for _, sql := range goldenInputs(t) {
		for _, text := range comparableTexts(p, record{sql: sql}) {
			if artefact(text) == "" {
				v, detail := compare(p, text)
				c.add(v, text, detail)
			}
		}
	}
	c.report()
	if c.counts[same] < 100 || c.counts[different] > 0 || c.counts[weReject] > 0 {
		t.Error("we and Postgres do not agree")
	}
}

// comparableTexts gives the statements of a record that can be compared. One that
// we reject is given as it is, if it is alone and looks like a query.
func comparableTexts(p *Parser, r record) []string {
	stmts, err := p.Parse(r.sql)
	if err != nil {
		switch strings.ToLower(strings.Fields(r.sql + " x")[0]) {
		case "select", "with", "values", "insert", "update", "delete":
			return []string{r.sql}
		}
		return nil
	}
	var out []string
	for _, s := range stmts {
		if comparable(s.Stmt) {
			out = append(out, s.Text)
		}
	}
	return out
}

// TestPostgresOperators compares random operator expressions.
func TestPostgresOperators(t *testing.T) {
	n := 12000
	if testing.Short() {
		n = 2000
	}
	rnd := rand.New(rand.NewSource(7))
	c := tally{t: t}
	p := New()
	for range n {
		sql := "SELECT " + randomExpr(rnd)
		v, detail := compare(p, sql)
		c.add(v, sql, detail)
	}
	c.report()
	if c.counts[different] > 0 {
		t.Errorf("%d trees differ", c.counts[different])
	}
	if c.counts[weReject] > 0 {
		t.Errorf("%d expressions rejected that Postgres accepts", c.counts[weReject])
	}
}

var (
	exprInfix = strings.Split("+|-|*|/|%|^|=|<|>=|<>|<=|&&|@>|->|~|&|#|AND|OR|LIKE|NOT ILIKE|IS DISTINCT FROM|"+
		"IS NOT DISTINCT FROM|AT TIME ZONE|OPERATOR(pg_catalog.+)|BETWEEN|NOT BETWEEN SYMMETRIC|SIMILAR TO", "|")
	exprPrefix  = []string{"", "", "", "", "", "", "-", "NOT ", "~ ", "+ ", "@ ", "NOT NOT ", "- - "}
	exprPostfix = []string{"", "", "", "", "", "", "::int", "[1]", " IS NULL", " IS NOT TRUE", " ISNULL",
		` COLLATE "C"`, " IN (1,2)", " NOT IN (select 1)", " AT TIME ZONE 'x'", " = ANY(q)", "::text[]",
		" ESCAPE 'x'", " <> ALL(select 2)", " LIKE ANY(q)", "::numeric(10,2)", " || ALL(q)", " IS NOT UNKNOWN", " NOTNULL"}
	exprPrimary = []string{"a", "b", "1", "'s'", "f(x, y)", "(a + b)", "(c OR d)", "count(*) FILTER (WHERE a = b)",
		"CASE WHEN a THEN b END", "(r).f", "array[1,2]", "interval '1 day'", "(select 1)", "$1", "t.c",
		"sum(x) OVER (PARTITION BY a)", "(a, b)", "ROW(1)", "null", "exists (select 1)", "(a AND b)", "(NOT a)",
		"extract(year from x)", "cast(a as text)", "1.5", "2e3", "(a, b) OVERLAPS (c, d)", "coalesce(a, b)", "x.y.z", "(a).*"}
)

func randomExpr(rnd *rand.Rand) string {
	pick := func(s []string) string { return s[rnd.Intn(len(s))] }
	var b strings.Builder
	for k := 1 + rnd.Intn(5); k > 0; k-- {
		b.WriteString(pick(exprPrefix) + pick(exprPrimary) + pick(exprPostfix))
		if k == 1 {
			break
		}
		op := pick(exprInfix)
		b.WriteString(" " + op + " ")
		if strings.Contains(op, "BETWEEN") {
			b.WriteString(pick(exprPrimary) + " AND ")
		}
	}
	return b.String()
}
