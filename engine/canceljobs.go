package engine

import (
	"context"
	"strconv"
	"strings"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/types"
	"streamdb/wire"
)

var cancelColumns = textColumns("Id")

// analyseCancelJobs is CANCEL JOBS ids: it takes creations back and returns the
// ids of those that there were. A statement that waits for one ends with 57014.
func (s *Session) analyseCancelJobs(p *Prepared, st *ast.CancelJobs) error {
	var ids []catalog.ID
	for _, list := range st.IDs { // a string may hold several
		for _, text := range strings.Split(list, ",") {
			n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
			if err != nil {
				return sqlerr.New(sqlerr.InvalidParameterValue, "\"%s\" is not the id of a job", text).
					WithHint("SHOW JOBS lists the jobs that can be cancelled.")
			}
			ids = append(ids, catalog.ID(n))
		}
	}
	p.cols = cancelColumns
	p.action = func(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		var rows [][]*string
		for _, id := range ids {
			gone, err := s.cancelJob(ctx, id)
			if err != nil {
				return nil, err
			}
			if !gone {
				s.notice("00000", "job %d is not being created, skipping", id)
				continue
			}
			text := strconv.Itoa(int(id))
			rows = append(rows, []*string{&text})
		}
		return textRows(cancelColumns, rows, "CANCEL JOBS"), nil
	}
	return nil
}

func (s *Session) cancelJob(ctx context.Context, id catalog.ID) (bool, error) {
	gone := false
	err := s.ddlDrop(ctx, "CANCEL JOBS", func(cat *catalog.Catalog, quiet bool) (*change, error) {
		o := cat.ByID(id)
		if o == nil || !o.Creating {
			return nil, nil
		}
		if o.Resuming {
			return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "job %d is being resumed, which cannot be cancelled", id).
				WithHint("DROP %s %s ends it for good.", strings.ToUpper(string(o.Kind)), o.Name)
		}
		if !quiet {
			gone = true
			s.db.cancelled.Store(id, true)
		}
		d := &dropping{session: s, cat: cat, st: &ast.Drop{Cascade: true}, gone: map[catalog.ID]bool{}, quiet: quiet}
		if err := d.object(o); err != nil {
			return nil, err
		}
		return d.change()
	})
	return gone, err
}

// creationGone is the error of a statement whose relation went while it waited.
func (db *DB) creationGone(id catalog.ID) error {
	if _, was := db.cancelled.LoadAndDelete(id); was {
		return sqlerr.New(sqlerr.QueryCanceled, "the creation was cancelled").
			WithDetail("Job %d was taken back by CANCEL JOBS.", id)
	}
	return sqlerr.New(sqlerr.UndefinedTable, "the relation was dropped while it was being created")
}
