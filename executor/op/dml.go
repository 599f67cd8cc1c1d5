package op

import (
	"errors"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// DML brings the rows that INSERT, UPDATE, DELETE and COPY wrote into a table's
// job. Engine pushes batches into the table's Inbox tagged with their epoch;
// the operator emits those of epoch N when barrier N arrives.
type DML struct {
	Name string
	Out  types.Schema // all columns of the table, hidden ones included
}

// Kind is "DML".
func (*DML) Kind() string { return "DML" }

// Inputs is empty: the rows come from the table's Inbox.
func (*DML) Inputs() []executor.Spec { return nil }

// Schema is the columns of the table.
func (d *DML) Schema() types.Schema { return d.Out }

// State is empty: an acknowledged statement's rows are in the table.
func (*DML) State() []storage.TableDef { return nil }

// Explain names the table.
func (d *DML) Explain() string { return d.Name }

// Open finds the inbox of the job.
func (d *DML) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	boxes := envOf(ctx).Inboxes
	if boxes == nil {
		return nil, errors.New("op: DML needs Env.Inboxes")
	}
	if ctx.Instance > 0 { // one instance speaks for the table; an exchange spreads its rows
		return &dml{}, nil
	}
	return &dml{inbox: boxes.Of(ctx.Job)}, nil
}

type dml struct {
	leaf
	inbox *Inbox
}

// Poll has nothing to do: rows wait for their barrier.
func (*dml) Poll(*executor.Ctx, executor.Emitter) (bool, error) { return false, nil }

// Wake never fires: a statement asks for its barrier by itself.
func (*dml) Wake() <-chan struct{} { return never }

// never is a wake channel of pollers that have nothing more to do: without one
// they would be asked from time to time.
var never = make(chan struct{})

// Barrier emits the rows of the statements that belong to the epoch.
func (d *dml) Barrier(_ *executor.Ctx, b stream.Barrier, out executor.Emitter) error {
	if d.inbox == nil {
		return nil
	}
	for _, batch := range d.inbox.Drain(b.Epoch) {
		if err := out.Emit(batch); err != nil {
			return err
		}
	}
	return nil
}
