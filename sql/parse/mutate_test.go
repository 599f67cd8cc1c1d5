package parse

import (
	"errors"
	"math/rand"
	"strings"
	"testing"

	"streamdb/internal/sqlerr"

	pgquery "github.com/wasilibs/go-pgquery"
	pgparser "github.com/wasilibs/go-pgquery/parser"
)

// TestPostgresErrors breaks statements of the corpus by one token and compares
// where we and Postgres see the fault.
func TestPostgresErrors(t *testing.T) {
	rnd := rand.New(rand.NewSource(11))
	p := New()
	total, position, message, accepted, shown := 0, 0, 0, 0, 0
	for _, r := range sltRecords(t, sltDir) {
		for _, sql := range comparableTexts(p, r) {
			if rnd.Intn(2) == 0 || len(sql) > 2000 {
				continue
			}
			sql = mutate(rnd, sql)
			_, err := pgquery.ParseToJSON(sql)
			var want *pgparser.Error
			if !errors.As(err, &want) {
				continue
			}
			total++
			_, err = p.Parse(sql)
			var got *sqlerr.Error
			switch {
			case err == nil:
				accepted++
				t.Logf("accepted: %s\n\tpg   %v", words(sql), want.Message)
				continue
			case !errors.As(err, &got):
				t.Fatalf("%v is no *sqlerr.Error", err)
			case got.Pos == 0 || got.Code == sqlerr.InternalError:
				t.Errorf("%s: %v at %d", words(sql), got, got.Pos)
			case got.Pos == want.Cursorpos:
				position++
				if got.Msg == want.Message {
					message++
				}
			}
			if got.Pos != want.Cursorpos || got.Msg != want.Message {
				if shown++; shown <= 40 {
					t.Logf("%s\n\tours %d %s\n\tpg   %d %s", sql, got.Pos, got.Msg, want.Cursorpos, want.Message)
				}
			}
		}
	}
	t.Logf("%d statements that Postgres rejects: %d with the same position, %d of them with the same message, %d accepted here", total, position, message, accepted)
	if share := float64(position) / float64(max(1, total-accepted)); share < 0.95 {
		t.Errorf("only %.1f %% of the positions are the same", 100*share)
	}
}

// mutate deletes, doubles or swaps a token.
func mutate(rnd *rand.Rand, sql string) string {
	toks, err := lex(sql, nil)
	if err != nil || len(toks) < 4 {
		return sql
	}
	i := 1 + rnd.Intn(len(toks)-3)
	a, b := toks[i], toks[i+1]
	switch rnd.Intn(4) {
	case 0:
		return sql[:a.pos] + sql[a.end:]
	case 1:
		return sql[:a.end] + " " + sql[a.pos:]
	case 2:
		return sql[:a.pos] + sql[b.pos:b.end] + " " + sql[a.pos:a.end] + sql[b.end:]
	}
	return strings.TrimRight(sql[:a.end], " ")
}
