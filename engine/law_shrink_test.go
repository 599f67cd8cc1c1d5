package engine_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// shrink makes a failing history smaller while it still fails in the same way:
// whole steps first, in halves and less, then the parts of a step.
func shrink(ctx context.Context, t *testing.T, h lawHistory, d *lawDifference, pg *pgconn.PgConn) (lawHistory, string) {
	deadline := time.Now().Add(40 * time.Second)
	last := ""
	fails := func(h lawHistory) bool {
		if time.Now().After(deadline) {
			return false
		}
		r := &lawRunner{h: h, dir: t.TempDir(), pg: pg, only: d.view}
		if d.kind != "postgres" && d.kind != "statement" {
			r.pg = nil
		}
		var got *lawDifference
		if err := r.run(ctx); !errors.As(err, &got) || got.kind != d.kind || got.view != d.view {
			return false
		}
		last = got.Error()
		return true
	}
	h.steps = slices.Clone(h.steps[:d.step+1])
	if !fails(h) {
		return h, "it does not fail every time"
	}
	h.steps = shrinkList(h.steps, func(s []lawStep) bool {
		return fails(lawHistory{h.seed, h.parallelism, s})
	})
	for i := range h.steps {
		if w := h.steps[i].while; w != nil {
			h.steps[i].while = nil
			if !fails(h) {
				h.steps[i].while = w
			}
		}
		if e := h.steps[i].end; e == "commit" {
			h.steps[i].end = ""
			if !fails(h) {
				h.steps[i].end = e
			}
		}
		if a, ok := h.steps[i].act.(*lawTxn); ok {
			a.items = shrinkList(a.items, func(items []lawItem) bool {
				x := lawHistory{h.seed, h.parallelism, slices.Clone(h.steps)}
				x.steps[i].act = &lawTxn{items}
				return fails(x)
			})
		}
		if a, ok := h.steps[i].act.(*lawBurst); ok {
			for j := range a.sessions {
				a.sessions[j] = shrinkList(a.sessions[j], func(stmts []string) bool {
					x, b := lawHistory{h.seed, h.parallelism, slices.Clone(h.steps)}, *a
					b.sessions = slices.Clone(a.sessions)
					b.sessions[j] = stmts
					x.steps[i].act = &b
					return fails(x)
				})
			}
		}
		try := func(stmts []lawStmt) bool {
			x := lawHistory{h.seed, h.parallelism, slices.Clone(h.steps)}
			x.steps[i].stmts = stmts
			return fails(x)
		}
		h.steps[i].stmts = shrinkList(h.steps[i].stmts, try)
		for j := range h.steps[i].stmts {
			h.steps[i].stmts[j].rows = shrinkList(h.steps[i].stmts[j].rows, func(rows []string) bool {
				if len(rows) == 0 {
					return false
				}
				stmts := slices.Clone(h.steps[i].stmts)
				stmts[j].rows = rows
				return try(stmts)
			})
		}
	}
	if p := h.parallelism; p > 1 {
		if h.parallelism = 1; !fails(h) {
			h.parallelism = p
		}
	}
	fails(h)
	return h, last
}

// shrinkList leaves out parts of a list while the rest still fails.
func shrinkList[T any](xs []T, fails func([]T) bool) []T {
	for n := (len(xs) + 1) / 2; n > 0; n /= 2 {
		for i := 0; i < len(xs); {
			if less := slices.Delete(slices.Clone(xs), i, min(i+n, len(xs))); fails(less) {
				xs = less
			} else {
				i += n
			}
		}
	}
	return xs
}
