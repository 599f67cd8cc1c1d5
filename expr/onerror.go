package expr

import (
	"strings"
	"sync"

	"streamdb/internal/sqlerr"
	"streamdb/vec"
)

// Errors makes calls give NULL for the rows that they fail for, and counts them.
// Safe for concurrent use, but for one with OnRow.
type Errors struct {
	// OnRow, if not nil, is told each row of the batch for which a call fails.
	OnRow func(row int32, err error)

	mu  sync.Mutex
	all map[string]*ErrorCount
}

// ErrorCount is how often calls failed with one SQLSTATE.
type ErrorCount struct {
	Code string
	Msg  string // of the last one
	Rows int64
}

// Counts lists what was counted, in no order.
func (e *Errors) Counts() []ErrorCount {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []ErrorCount
	for _, c := range e.all {
		out = append(out, *c)
	}
	return out
}

// takes counts an error of one row if it is one of data (class 22); others are
// no matter of the row.
func (e *Errors) takes(err error, rows int64) bool {
	s := sqlerr.From(err)
	if !strings.HasPrefix(s.Code, "22") {
		return false
	}
	if rows > 0 {
		e.mu.Lock()
		defer e.mu.Unlock()
		c := e.all[s.Code]
		if c == nil {
			if e.all == nil {
				e.all = map[string]*ErrorCount{}
			}
			c = &ErrorCount{Code: s.Code}
			e.all[s.Code] = c
		}
		c.Msg = s.Msg
		c.Rows += rows
	}
	return true
}

// without is a call whose function failed with err for some row: the result is
// NULL for the rows that fail. They are found by halving: few rows fail. A call over
// constants alone, which is evaluated once, fails for all rows of the selection.
func (e *Call) without(cc *CallCtx, args []vec.Vec, err error, allConst bool, sel []int32, n int) (vec.Vec, error) {
	errs := cc.OnError
	if !errs.takes(err, 0) {
		return vec.Vec{}, err
	}
	c := chooser{layout: e.T.Layout(), n: cc.N}
	rows := cc.Sel
	if rows == nil {
		rows = make([]int32, cc.N)
		for i := range rows {
			rows[i] = int32(i)
		}
	}
	var part func(rows []int32, err error) error
	part = func(rows []int32, err error) error {
		if err == nil {
			one := *cc
			one.Sel = rows
			var v vec.Vec
			if v, err = e.Def.Eval(&one, args); err == nil {
				c.add(v, rows)
				return nil
			}
		}
		if !errs.takes(err, 0) {
			return err
		}
		if len(rows) == 1 {
			errs.takes(err, 1)
			switch {
			case errs.OnRow == nil:
			case !allConst:
				errs.OnRow(rows[0], err)
			default:
				for _, i := range appendRows(nil, sel, n) {
					errs.OnRow(i, err)
				}
			}
			return nil
		}
		half := len(rows) / 2
		if err := part(rows[:half], nil); err != nil {
			return err
		}
		return part(rows[half:], nil)
	}
	if err := part(rows, err); err != nil {
		return vec.Vec{}, err
	}
	return c.result(), nil
}
