package engine

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"streamdb/catalog"
	"streamdb/executor/op"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/stream"
)

// rateKinds are the settings that limit rates, in rows a second. A session's
// value goes to the objects that it creates; ALTER .. SET changes an object's.
var rateKinds = map[string]op.RateKind{
	"source_rate_limit":   op.SourceRate,
	"backfill_rate_limit": op.BackfillRate,
	"sink_rate_limit":     op.SinkRate,
	"dml_rate_limit":      op.DMLRate,
}

var rateNames = func() map[op.RateKind]string {
	m := map[op.RateKind]string{}
	for name, kind := range rateKinds {
		m[kind] = name
	}
	return m
}()

// ratesOf lists the limits that mean something to a kind of object.
func ratesOf(k catalog.Kind, connector bool) []string {
	switch k {
	case catalog.Table:
		if connector {
			return []string{"source_rate_limit", "dml_rate_limit"}
		}
		return []string{"dml_rate_limit"}
	case catalog.Source:
		return []string{"source_rate_limit"}
	case catalog.MaterializedView, catalog.Index:
		return []string{"backfill_rate_limit"}
	case catalog.Sink:
		return []string{"backfill_rate_limit", "sink_rate_limit"}
	}
	return nil
}

// checkRate accepts a number of rows a second, 0 (paused), or -1 or default (no limit).
func checkRate(v string) (string, error) {
	if strings.EqualFold(v, "default") {
		return "default", nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < -1 || n > 1<<31-1 {
		return "", invalidValue(v)
	}
	if n == -1 {
		return "default", nil
	}
	return strconv.FormatInt(n, 10), nil
}

// rates are the limits that the session's settings give a new object.
func (s *Session) rates(o *catalog.Object) map[string]int64 {
	var m map[string]int64
	for _, name := range ratesOf(o.Kind, o.Connector != nil) {
		if n, err := strconv.ParseInt(s.settings.must(name), 10, 64); err == nil {
			if m == nil {
				m = map[string]int64{}
			}
			m[name] = n
		}
	}
	return m
}

// rate is op.Env.Rate.
func (db *DB) rate(job stream.JobID, what op.RateKind) float64 {
	o := db.catalog().ByID(catalog.ID(job))
	if o == nil {
		return 0 // about to be published, with its limits; or dropped
	}
	if n, ok := o.Rates[rateNames[what]]; ok {
		return float64(n)
	}
	return -1
}

// payDML makes a transaction wait before it commits if it wrote to tables with a
// dml_rate_limit.
func (s *Session) payDML(ctx context.Context) error {
	if s.txn.failed || len(s.txn.overlay.writes) == 0 {
		return nil
	}
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	for _, w := range s.txn.overlay.writes {
		if o := s.db.catalog().ByID(w.of); o == nil || len(o.Limits()) == 0 {
			continue
		}
		job := stream.JobID(w.of)
		rate := func() float64 { return s.db.rate(job, op.DMLRate) }
		if err := s.db.env.Limits.Wait(ctx, job, op.DMLRate, w.len(), rate); err != nil {
			return cancelled(err)
		}
	}
	return nil
}

// alterRate is ALTER .. SET .._RATE_LIMIT: it counts from its commit on.
func (s *Session) alterRate(ctx context.Context, st *ast.Alter, a *ast.SetRateLimit) error {
	if _, known := rateKinds[a.What]; !known {
		return sqlerr.New(sqlerr.UndefinedObject, "unrecognized rate limit \"%s\"", a.What).
			WithHint("The limits are source_rate_limit, backfill_rate_limit, dml_rate_limit and sink_rate_limit.")
	}
	value, err := checkRate(a.Value)
	if err != nil {
		return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for %s: \"%s\"", a.What, a.Value).
			WithHint("A number of rows a second, 0 to pause, or DEFAULT for no limit.")
	}
	return s.ddl(ctx, "ALTER", func(cat *catalog.Catalog) (*change, error) {
		o, err := s.alterTarget(cat, st)
		if o == nil || err != nil {
			return nil, err
		}
		if !slices.Contains(ratesOf(o.Kind, o.Connector != nil), a.What) {
			return nil, sqlerr.New(sqlerr.WrongObjectType, "%s does not apply to %s \"%s\"", a.What, o.Kind, o.Name)
		}
		c := &change{}
		c.alter(o.ID, func(n *catalog.Object) {
			if n.Rates = maps.Clone(n.Rates); n.Rates == nil {
				n.Rates = map[string]int64{}
			}
			if delete(n.Rates, a.What); value != "default" {
				n.Rates[a.What], _ = strconv.ParseInt(value, 10, 64)
			}
		})
		return c, nil
	})
}

// alterTarget finds the object that an ALTER names; nil: it does not exist and
// need not (IF EXISTS).
func (s *Session) alterTarget(cat *catalog.Catalog, st *ast.Alter) (*catalog.Object, error) {
	o := cat.Resolve(st.Name.Schema(), st.Name.Base(), s.settings.searchPath(s.info.User))
	switch {
	case o == nil && st.IfExists:
		s.notice("00000", "relation \"%s\" does not exist, skipping", st.Name.Base())
		return nil, nil
	case o == nil:
		return nil, sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", st.Name.Base())
	case string(o.Kind) != string(st.Kind):
		return nil, sqlerr.New(sqlerr.WrongObjectType, "\"%s\" is not a %s", o.Name, st.Kind).
			WithHint("It is a %s.", o.Kind)
	}
	return o, nil
}
