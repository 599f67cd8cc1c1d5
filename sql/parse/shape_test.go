package parse

import (
	"strings"
	"testing"
)

// TestShapeLiterals: which literals are taken out.
func TestShapeLiterals(t *testing.T) {
	for _, c := range []struct{ sql, lifted string }{
		{"select * from t where id = 5", "select * from t where id = $1"},
		{"/* a */ SELECT 'x', 1.5, 3000000000 ;", "SELECT $1 , $2 , $3"},
		{"insert into t values (1, 'it''s', null, true, -7)", "insert into t values ( $1 , $2 , null, true, - $3 )"},
		{"update t set a = a + 1 where b = $2 and c = 'x'", "update t set a = a + $3 where b = $2 and c = $4"},
		{"select a, 1 from t order by 2, b + 3, f(4) limit 5 offset 6", "select a, $1 from t order by 2, b + $2 , f(4) limit 5 offset 6"},
		{"select 1 from t group by 1, (2) having sum(a) > 3", "select $1 from t group by 1, (2) having sum(a) > $2"},
		{"select sum(a) over (order by 1 rows 2 preceding), 3 from t", "select sum(a) over (order by 1 rows 2 preceding), $1 from t"},
		{"select a::numeric(10, 2), cast(b as varchar(3)), date '2020-01-01', interval '1' day, x at time zone 'utc', 7", "select a::numeric(10, 2), cast(b as varchar(3)), date '2020-01-01', interval '1' day, x at time zone 'utc', $1"},
		{"select - 2147483648, -9223372036854775808, 1e5, E'a\\n'", "select - 2147483648, -9223372036854775808, 1e5, $1"},
		{"select * from t fetch first 3 rows only", "select * from t fetch first 3 rows only"},
	} {
		s, ok := New().Shape(c.sql)
		if !ok {
			t.Errorf("%s has no shape", c.sql)
			continue
		}
		if got := strings.Join(strings.Fields(s.Lifted()), " "); got != strings.Join(strings.Fields(c.lifted), " ") {
			t.Errorf("%s: %s", c.sql, got)
		}
	}
	for _, sql := range []string{"", "select 1; select 2", "create table t (a int)", "select distinct on (1) a from t", "select date 'today'", "select 'a", "begin",
		"select 1" + strings.Repeat(", 1", maxShapeLiterals)} {
		if s, ok := New().Shape(sql); ok {
			t.Errorf("%s has the shape %s", sql, s.Lifted())
		}
	}
}

// TestShapeKey: what tells shapes apart.
func TestShapeKey(t *testing.T) {
	key := func(sql string) string {
		s, ok := New().Shape(sql)
		if !ok {
			t.Fatalf("%s has no shape", sql)
		}
		return string(s.Key)
	}
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"select a from t where b = 5", "SELECT a\nFROM T -- t\nWHERE b = 17;", true},
		{"select a from t where b = 'x'", "select a from t where b = 'yy'", true},
		{"select a from t where b = 5", "select a from t where b = 5.0", false},
		{"select a from t where b = 5", "select a from t where b = 3000000000", false},
		{"select a from t where b = 5", "select a from t where b = '5'", false},
		{"select a from t where b = 5", "select a from t where b = -5", false},
		{"select a from t where b = 5", "select a from t where b = $1", false},
		{"select a from t where b = 5", "select a from t where c = 5", false},
		{"select a from t limit 1", "select a from t limit 2", false},
		{"select a from t order by 1", "select a from t order by 2", false},
		{`select "a b"`, `select "a" b`, false},
		{"select null", "select true", false},
	} {
		if got := key(c.a) == key(c.b); got != c.same {
			t.Errorf("%s, %s: same %t", c.a, c.b, got)
		}
	}
}
