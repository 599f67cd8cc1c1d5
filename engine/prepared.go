package engine

import (
	"context"

	"streamdb/internal/sqlerr"
	"streamdb/planner"
	"streamdb/sql/ast"
	"streamdb/sql/parse"
	"streamdb/types"
	"streamdb/wire"
)

// prepareStatement is PREPARE name (types) AS statement.
func prepareStatement(st *ast.Prepare) action {
	return func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		if s.named[st.Name] != nil {
			return nil, sqlerr.New(sqlerr.DuplicatePreparedStatement, "prepared statement \"%s\" already exists", st.Name)
		}
		params := make([]types.T, len(st.Types))
		for i, tn := range st.Types {
			t, err := planner.Type(s.planCtx(s.catalog(), ""), tn)
			if err != nil {
				return nil, err
			}
			params[i] = t
		}
		stmts, err := s.parser.Parse(st.StmtText)
		if err != nil {
			return nil, err
		}
		inner := parse.Statement{}
		if len(stmts) == 1 {
			inner = stmts[0]
		}
		for len(params) < inner.Params {
			params = append(params, types.T{})
		}
		p, err := s.prepare(Statement{Statement: inner}, params)
		if err != nil {
			return nil, err
		}
		s.named[st.Name] = p
		return done("PREPARE"), nil
	}
}

// analyseExecute is EXECUTE name (arguments).
func (s *Session) analyseExecute(p *Prepared, st *ast.Execute) error {
	inner := s.named[st.Name]
	if inner == nil {
		return sqlerr.New(sqlerr.InvalidSQLStatementName, "prepared statement \"%s\" does not exist", st.Name)
	}
	if len(st.Args) != len(inner.params) {
		return sqlerr.New(sqlerr.SyntaxError, "wrong number of parameters for prepared statement \"%s\"", st.Name).
			WithDetail("Expected %d parameters but got %d.", len(inner.params), len(st.Args))
	}
	p.cols = inner.cols
	p.action = func(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		args := make([]types.Datum, len(st.Args))
		for i, a := range st.Args {
			d, err := s.evalConst(a, inner.params[i])
			if err != nil {
				return nil, err
			}
			args[i] = d
		}
		return s.Execute(ctx, inner, args)
	}
	return nil
}

// deallocate is DEALLOCATE name and DEALLOCATE ALL.
func deallocate(st *ast.Deallocate) action {
	return func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		if st.Name == "" {
			clear(s.named)
			return done("DEALLOCATE ALL"), nil
		}
		if s.named[st.Name] == nil {
			return nil, sqlerr.New(sqlerr.InvalidSQLStatementName, "prepared statement \"%s\" does not exist", st.Name)
		}
		delete(s.named, st.Name)
		return done("DEALLOCATE"), nil
	}
}
