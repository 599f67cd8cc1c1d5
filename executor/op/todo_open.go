package op

import (
	"streamdb/executor"
	"streamdb/internal/sqlerr"
)

func openSource(*Source, *executor.OpenCtx) (executor.Operator, error) {
	return nil, sqlerr.Unsupported("source")
}
func openSourceBackfill(*SourceBackfill, *executor.OpenCtx) (executor.Operator, error) {
	return nil, sqlerr.Unsupported("source backfill")
}
func openSink(*Sink, *executor.OpenCtx) (executor.Operator, error) {
	return nil, sqlerr.Unsupported("sink")
}
