package engine

import (
	"slices"
	"strings"

	"streamdb/catalog"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/storage"
)

// A sink whose upstreams went on without it has not delivered their changes of
// that time, and nobody keeps them. RESUME WITH (missed = 'skip') lets it go on
// without: what waits in its outbox is still delivered, and then the changes of
// each epoch from now on, once.

// mayMiss checks the option missed.
func mayMiss(o *catalog.Object, opt *ast.Option) error {
	switch {
	case o.Kind != catalog.Sink:
		return sqlerr.New(sqlerr.InvalidParameterValue, "missed is for sinks, not for a %s", o.Kind).
			WithHint("Without it, a %s is computed anew where changes have passed it by.", o.Kind).At(opt.At() + 1)
	case strings.ToLower(opt.Value) != "skip":
		return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option missed: \"%s\"", opt.Value).
			WithHint("It is 'skip'.").At(opt.At() + 1)
	}
	return nil
}

// skipMissed makes a sink begin with the changes behind the barrier that starts
// it. What it keeps is its outbox.
func (r *resumption) skipMissed(n *catalog.Object, plan *executor.Plan) error {
	switch {
	case n.Creating:
		return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "sink \"%s\" had not delivered the rows yet that were there when it was made", n.Name).
			WithHint("Drop it and create it again.")
	case r.session.db.readsCreating(n):
		return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "what sink \"%s\" reads is not complete yet: it would deliver all its rows once more", n.Name).
			WithHint("WAIT, and then resume it.")
	}
	if err := op.WithoutSnapshot(plan, "missed = 'skip'"); err != nil {
		return err
	}
	left := plan.Tables()
	for _, id := range n.StateTables {
		if !slices.ContainsFunc(left, func(t storage.TableDef) bool { return t.ID == id }) {
			r.c.drop = append(r.c.drop, id)
		}
	}
	r.session.notice("00000", "sink \"%s\" goes on without the changes that came after epoch %d", n.Name, r.cat.ByID(n.ID).Failed.Epoch)
	return nil
}

// reattach starts tables again that run and into which sinks write that begin
// again: they had gone on without them.
func (r *resumption) reattach() error {
	tables := map[catalog.ID]*catalog.Object{}
	for id := range r.state {
		table := r.cat.ByID(r.cat.ByID(id).Into)
		if table != nil && table.Failed == nil {
			n := *table
			tables[n.ID] = &n
		}
	}
	if len(tables) == 0 {
		return nil
	}
	return r.c.rewire(r.cat, tables, nil)
}
