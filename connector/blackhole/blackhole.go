package blackhole

import (
	"context"
	"sync/atomic"

	"streamdb/connector"
	"streamdb/vec"
)

// Def is the connector.
func Def() *connector.Def {
	return &connector.Def{
		Name:     "blackhole",
		Discards: true,
		Doc:      "Counts rows and forgets them.",
		SinkOptions: []connector.Option{
			{Name: "type", Doc: "append-only or upsert; makes no difference"},
			{Name: "force_append_only", Doc: "makes no difference"},
			{Name: "primary_key", Doc: "makes no difference"},
			{Name: "auto.schema.change", Doc: "makes no difference"},
		},
		OpenSink: func(context.Context, connector.Config) (connector.Sink, error) {
			return &Sink{}, nil
		},
	}
}

// Sink counts what it is given.
type Sink struct{ rows atomic.Int64 }

// Rows is the number of rows delivered so far.
func (s *Sink) Rows() int64 { return s.rows.Load() }

// Write counts the rows.
func (s *Sink) Write(_ context.Context, _ uint64, _ []vec.Vec, _ []int8, n int) error {
	s.rows.Add(int64(n))
	return nil
}

// Close does nothing.
func (*Sink) Close() error { return nil }
