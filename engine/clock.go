package engine

import (
	"context"
	"strings"
	"time"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/types"
)

// alterClock is ALTER SYSTEM SET test_clock.
func (s *Session) alterClock(ctx context.Context, a *ast.AlterSystem) error {
	if _, ok := a.Value.(*ast.Default); ok {
		return sqlerr.Unsupported("ALTER SYSTEM RESET test_clock").WithHint("Start the server without -test-clock.")
	}
	return s.setClock(ctx, settingText(a.Value))
}

// setClock moves the clock to a time ('2026-01-01 00:00:00+00'), or on by an
// interval ('+ 10 minutes'), and waits until all views follow.
func (s *Session) setClock(ctx context.Context, text string) error {
	db := s.db
	var to time.Time
	if by, ok := strings.CutPrefix(strings.TrimSpace(text), "+"); ok {
		d, err := types.ParseInterval(by, s.Env())
		if err != nil {
			return err
		}
		us, err := types.TimestampAdd(db.clock.Now().UnixMicro(), d)
		if err != nil {
			return err
		}
		to = time.UnixMicro(us)
	} else {
		d, err := types.ParseText(types.Of(types.TimestampTZ), text, s.Env())
		if err != nil {
			return err
		}
		to = time.UnixMicro(d.I)
	}
	if err := db.clock.Set(to); err != nil {
		return err
	}
	db.coord.ClockSet()
	// The epoch under way may have its time already; the one after it does not.
	for range 2 {
		if err := db.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}
