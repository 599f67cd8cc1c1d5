package op

import (
	"streamdb/connector"
	"streamdb/executor"
	"streamdb/storage"
	"streamdb/types"
)

// SourceConf is the pinned form of a CREATE SOURCE's connector part.
type SourceConf struct {
	Name          string            `json:"name"`
	Connector     string            `json:"connector"`
	Options       map[string]string `json:"options,omitempty"`
	Format        string            `json:"format,omitempty"`
	Encode        string            `json:"encode,omitempty"`
	EncodeOptions map[string]string `json:"encodeOptions,omitempty"`
	Schema        types.Schema      `json:"schema"` // visible columns
}

// Source reads all splits of a connector (divided among the task's instances)
// from the committed offsets. Output: the Cols of Conf.Schema, then the hidden
// bigint _row_id = split number << 47 | offset of the row, the same for every replay.
//
//	Splits:     's' split id -> split number, next offset, done
//	Quarantine: split number | offset -> time, raw bytes, error
type Source struct {
	Conf       SourceConf
	Cols       []int
	Out        types.Schema
	Splits     TableRef
	Quarantine TableRef
}

// SourceBackfill brings a job that joins a running shared source up to it: it
// reads the splits by itself from their start, drops live rows that it has not
// yet reached, and passes live rows on once both have met (per split).
//
// Again rises by one when the job is to catch up once more, from the offset that
// it had come to: it had stopped while the source went on.
//
//	's' split id -> split number, next offset, caught up, offset behind the last live row, Again of then
type SourceBackfill struct {
	In     executor.Spec // an executor.Input of the shared source's job: Conf.Schema columns ++ _row_id
	Conf   SourceConf
	Cols   []int // of Conf.Schema; _row_id always follows
	Out    types.Schema
	State_ TableRef
	After  []storage.TableID `json:",omitempty"` // as of Backfill
	Again  int               `json:",omitempty"`
}

// Kind is "Source".
func (*Source) Kind() string { return "Source" }

// Inputs is empty.
func (*Source) Inputs() []executor.Spec { return nil }

// Schema is the columns of Cols and _row_id.
func (s *Source) Schema() types.Schema { return s.Out }

// State is the offsets and the quarantine.
func (s *Source) State() []storage.TableDef { return tables(s.Splits, s.Quarantine) }

// Explain names the source, its connector and the columns read.
func (s *Source) Explain() string {
	return s.Conf.Name + " " + s.Conf.Connector + " " + colList(s.Conf.Schema, s.Cols)
}

// Kind is "SourceBackfill".
func (*SourceBackfill) Kind() string { return "SourceBackfill" }

// Inputs is the live rows of the shared source.
func (s *SourceBackfill) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema is the columns of Cols and _row_id.
func (s *SourceBackfill) Schema() types.Schema { return s.Out }

// State is the offsets.
func (s *SourceBackfill) State() []storage.TableDef { return tables(s.State_) }

// Explain names the source and the columns read.
func (s *SourceBackfill) Explain() string {
	return s.Conf.Name + " " + s.Conf.Connector + " " + colList(s.Conf.Schema, s.Cols)
}

// Config is what the connector is opened with.
func (c *SourceConf) Config() connector.Config {
	return connector.Config{
		Name: c.Name, Options: c.Options, Format: c.Format, Encode: c.Encode,
		EncodeOptions: c.EncodeOptions, Schema: c.Schema,
	}
}

// Open makes the operator.
func (s *SourceBackfill) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	return openSourceBackfill(s, ctx)
}

// Open makes the operator.
func (s *Source) Open(ctx *executor.OpenCtx) (executor.Operator, error) { return openSource(s, ctx) }
