package op

import (
	"streamdb/executor"
	"streamdb/internal/sqlerr"
)

func (s *HashAgg) Open(*executor.OpenCtx) (executor.Operator, error) {
	return nil, sqlerr.Unsupported("HashAgg")
}
func (s *PartialAgg) Open(*executor.OpenCtx) (executor.Operator, error) {
	return nil, sqlerr.Unsupported("PartialAgg")
}
func (s *TopN) Open(*executor.OpenCtx) (executor.Operator, error) {
	return nil, sqlerr.Unsupported("TopN")
}
func (s *ProjectSet) Open(*executor.OpenCtx) (executor.Operator, error) {
	return nil, sqlerr.Unsupported("ProjectSet")
}
