package op

import (
	"streamdb/executor"
	"streamdb/internal/sqlerr"
)

func openHashJoin(j *HashJoin, ctx *executor.OpenCtx) (executor.Operator, error) {
	return nil, sqlerr.Unsupported("join")
}
