package engine_test

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// lawClock is the time at which histories begin: the one about which their
// timestamps are.
var lawClock = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// lawClockPostgres gives Postgres a clock that can be moved, as streamdb has one.
const lawClockPostgres = `set timezone = 'UTC'; create table law_clock (at timestamptz); insert into law_clock values ('2024-01-01 00:00:00+00');
	create function law_now() returns timestamptz language sql stable as 'select at from law_clock'`

var lawNow = regexp.MustCompile(`\bnow\(\)`)

// lawTimed writes what is about the clock as Postgres can do it.
func lawTimed(sql string) string {
	if by, ok := strings.CutPrefix(sql, lawPassHead); ok {
		return "update law_clock set at = at + interval '" + by
	}
	return strings.ReplaceAll(lawNow.ReplaceAllString(sql, "law_now()"), "localtimestamp", "law_now()::timestamp")
}

const lawPassHead = "alter system set test_clock = '+ "

// lawPass lets time pass.
func lawPass(d time.Duration) string {
	return fmt.Sprintf("%s%d microseconds'", lawPassHead, d.Microseconds())
}

// pass is a step in which time passes.
func (g *lawGen) pass() lawStep {
	return lawStep{pass: lawPick(g, time.Microsecond, 5*time.Minute, 5*time.Minute, 20*time.Minute, time.Hour, 65*time.Minute-time.Microsecond, 24*time.Hour)}
}

// down is how long the server is not there.
func (g *lawGen) down() time.Duration { return lawPick(g, 0, 0, 10*time.Minute, time.Hour) }

// timed is a condition that changes as time passes.
func (g *lawGen) timed(cols []lawCol) (string, bool) {
	if len(lawOf(cols, lawTime)) == 0 || !g.one(3) {
		return "", false
	}
	e := func() string { return g.expr(cols, lawTime, lawPick(g, 0, 0, 1)) }
	by := func() string {
		return lawPick(g, "interval '10 minutes'", "interval '1 hour'", "interval '1 hour 5 minutes'", "interval '-20 minutes'")
	}
	p := ""
	switch g.IntN(9) {
	case 0, 1:
		p = fmt.Sprintf("%s %s now()::timestamp - %s", e(), lawPick(g, ">", ">="), by())
	case 2:
		p = fmt.Sprintf("%s %s localtimestamp", e(), lawPick(g, "<=", "<", ">=", ">", "<>"))
	case 3:
		x := e()
		p = fmt.Sprintf("now() between %s and %s + %s", x, x, by())
	case 4:
		p = fmt.Sprintf("now() - %s::timestamptz %s %s", e(), lawPick(g, "<", ">=", ">"), by())
	case 5:
		p = fmt.Sprintf("date_trunc('hour', %s) %s date_trunc('hour', now()::timestamp)", e(), lawPick(g, "=", "<", "is not distinct from"))
	case 6:
		p = fmt.Sprintf("extract(epoch from now() - %s::timestamptz) / 60 %s %d", e(), lawPick(g, ">", "<="), 5*g.IntN(12))
	case 7:
		p = fmt.Sprintf("%s + %s > now() and %s <= now()", e(), by(), e())
	case 8:
		p = fmt.Sprintf("%s > (now() - interval '1 month') at time zone 'UTC' + interval '1 month'", e())
	}
	switch g.IntN(8) {
	case 0:
		p = "not (" + p + ")"
	case 1:
		p += " and " + g.pred(cols, 1)
	case 2:
		p = "(" + p + ") or " + g.pred(cols, 1)
	case 3:
		p = fmt.Sprintf("case when %s then %s else %s end", g.pred(cols, 1), p, g.pred(cols, 1))
	}
	return p, true
}
