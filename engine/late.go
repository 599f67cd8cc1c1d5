package engine

import (
	"slices"

	"streamdb/catalog"
	"streamdb/catalog/syscat"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/internal/sqlerr"
	"streamdb/planner/bind"
	"streamdb/sql/ast"
	"streamdb/storage"
	"streamdb/types"
)

// idleOption is the option of a source after what time a split that brings
// nothing no longer holds its watermark back.
const idleOption = "watermark.idle.timeout"

// takeIdle reads WITH (watermark.idle.timeout = '10 s') in microseconds and takes
// it out of the options.
func takeIdle(bctx *bind.Context, options []*ast.Option) (int64, []*ast.Option, error) {
	i := slices.IndexFunc(options, func(x *ast.Option) bool { return x.Name == idleOption })
	if i < 0 {
		return 0, options, nil
	}
	span, err := types.ParseInterval(options[i].Value, bctx.Env)
	if err != nil {
		return 0, nil, err
	}
	micros := span.Micros + int64(span.Days)*types.Day
	if span.Months != 0 || micros <= 0 {
		return 0, nil, sqlerr.New(sqlerr.InvalidParameterValue, "%s must be a time above 0, in days or less", idleOption)
	}
	return micros, slices.Delete(slices.Clone(options), i, i+1), nil
}

// runningOperators calls fn for the operators of all running jobs.
func runningOperators(cat *catalog.Catalog, fn func(o *catalog.Object, s executor.Spec) error) error {
	for _, o := range cat.Objects() {
		if !o.Runs() {
			continue
		}
		p, err := op.UnmarshalPlan(o.Plan)
		if err != nil {
			return err
		}
		for i := range p.Fragments {
			executor.Walk(p.Fragments[i].Root, func(s executor.Spec) {
				if err == nil {
					err = fn(o, s)
				}
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lateRowsTable: how many rows came too late, as of the reader's snapshot: for the
// watermark itself, and for the operators above that drop their state by it.
var lateRowsTable = &runtimeTable{
	name: "late_rows",
	fill: func(_ *DB, cat *catalog.Catalog, snap storage.Snapshot, out *syscat.Rows) error {
		return runningOperators(cat, func(o *catalog.Object, s executor.Spec) error {
			ref, ok := op.LateTable(s)
			if !ok {
				return nil
			}
			late, err := op.LateRows(snap, ref)
			var relation any // of the watermark, where it is made
			if f, ok := s.(*op.WatermarkFilter); ok {
				relation = f.Name
			}
			out.Add(int64(o.ID), o.Name, s.Kind(), relation, late)
			return err
		})
	},
}

// lateQuarantine adds the late rows that are kept to streamdb.quarantine.
func lateQuarantine(cat *catalog.Catalog, snap storage.Snapshot, out *syscat.Rows) error {
	return runningOperators(cat, func(o *catalog.Object, x executor.Spec) error {
		s, ok := x.(*op.WatermarkFilter)
		if !ok || s.Quarantine.ID == 0 {
			return nil
		}
		return snap.ScanTable(s.Quarantine.ID, func(_ storage.VNode, key, value []byte) (bool, error) {
			q, err := op.DecodeQuarantined(key, value)
			if err != nil {
				return false, err
			}
			out.Add(s.Name, nil, q.Offset, q.Time, q.Raw, q.Error+" (in "+o.Name+")", nil, nil, 1)
			return true, nil
		})
	})
}
