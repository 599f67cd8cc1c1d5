package op

import (
	"streamdb/executor"
	"streamdb/storage"
	"streamdb/types"
)

// Sink delivers the net changes of each committed epoch to a connector.
//
//	Outbox: epoch | sequence -> op, row (until delivered)
type Sink struct {
	In     executor.Spec
	Name   string
	Conf   SourceConf
	Outbox TableRef
}

// Kind is "Sink".
func (*Sink) Kind() string { return "Sink" }

// Inputs is the changes to deliver.
func (s *Sink) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema is the input's: a sink has no reader.
func (s *Sink) Schema() types.Schema { return s.In.Schema() }

// State is the outbox.
func (s *Sink) State() []storage.TableDef { return tables(s.Outbox) }

// Explain names the sink and its connector.
func (s *Sink) Explain() string { return s.Name + " " + s.Conf.Connector }

// Open makes the operator.
func (s *Sink) Open(ctx *executor.OpenCtx) (executor.Operator, error) { return openSink(s, ctx) }
