package op

import (
	"fmt"
	"slices"

	"streamdb/executor"
	"streamdb/stream"
)

// AttachWriter adds a job whose output is rows of a table (SinkInto) to the
// pinned plan of the table's job. The state tables stay as they are, so that
// the job can stop with the one plan and start with the other. keyed: the table
// has a primary key, and what its writers do is merged by it; otherwise each row
// of the writer has a key of its own.
func AttachWriter(p *executor.Plan, writer stream.JobID, keyed bool) error {
	f, table, err := storedRows(p)
	if err != nil {
		return err
	}
	in := &executor.Input{Upstream: writer, Cols: table.Cols, Optional: true}
	if f.Parallelism != 1 {
		in.Dist = executor.Distribution{Kind: executor.Hash, Cols: table.Dist}
	}
	if keyed {
		u, ok := f.Root.(*Upsert)
		if !ok {
			m := f.Root.(*Materialize)
			u = &Upsert{In: m.In, Table: m.Table, Conflict: m.Conflict, AppendOnly: m.AppendOnly}
			f.Root = u
		}
		u.Writers = append(u.Writers, in)
		return nil
	}
	at := belowMarks(f.Root.(*Materialize))
	u, ok := (*at).(*Union)
	if !ok {
		u = &Union{Ins: []executor.Spec{*at}, Out: table.Cols}
		*at = u
	}
	u.Ins = append(u.Ins, in)
	return nil
}

// DetachWriter takes a writer out again.
func DetachWriter(p *executor.Plan, writer stream.JobID) error {
	f, _, err := storedRows(p)
	if err != nil {
		return err
	}
	gone := func(s executor.Spec) bool {
		in, ok := s.(*executor.Input)
		return ok && in.Upstream == writer
	}
	if u, ok := f.Root.(*Upsert); ok {
		if u.Writers = slices.DeleteFunc(u.Writers, gone); len(u.Writers) == 0 {
			f.Root = &Materialize{In: u.In, Table: u.Table, Conflict: u.Conflict, AppendOnly: u.AppendOnly}
		}
		return nil
	}
	at := belowMarks(f.Root.(*Materialize))
	u, ok := (*at).(*Union)
	if !ok {
		return fmt.Errorf("op: job %d has no writer %d", p.Job, writer)
	}
	if u.Ins = slices.DeleteFunc(u.Ins, gone); len(u.Ins) == 1 {
		*at = u.Ins[0]
	}
	return nil
}

// storedRows is the fragment of a table's job that writes its rows.
func storedRows(p *executor.Plan) (*executor.Fragment, *RowTable, error) {
	f := &p.Fragments[len(p.Fragments)-1]
	switch m := f.Root.(type) {
	case *Materialize:
		return f, &m.Table, nil
	case *Upsert:
		return f, &m.Table, nil
	}
	return nil, nil, fmt.Errorf("op: job %d does not end in stored rows but in %s", p.Job, f.Root.Kind())
}

// belowMarks is where a table's rows come in: below the operator that makes its
// watermarks, if it has one.
func belowMarks(m *Materialize) *executor.Spec {
	if w, ok := m.In.(*WatermarkFilter); ok {
		return &w.In
	}
	return &m.In
}
