package sqllogictest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// freshPrefix starts the names of the databases that isolate makes, so that no
// cleanup takes another's.
const freshPrefix = "slt_fresh_"

// cleanupPasses is how often leftovers are dropped, as one may need another
// to be gone first.
const cleanupPasses = 4

// isolation is what keeps one file from the next.
type isolation struct {
	database string // made for the file, "" if none was
	before   map[object]bool
}

// object is something that a file can leave behind. The kind is the word or
// words behind DROP.
type object struct{ kind, schema, name string }

func (o object) String() string {
	if o.schema == "" {
		return o.kind + " " + quoteIdent(o.name)
	}
	return o.kind + " " + quoteIdent(o.schema) + "." + quoteIdent(o.name)
}

// isolate prepares the server for one file.
func isolate(ctx context.Context, opts *Options) (*isolation, error) {
	iso := &isolation{}
	if opts.FreshDatabase {
		name := fmt.Sprintf("%s%08x", freshPrefix, rand.Uint32())
		err := withConn(ctx, opts, "", func(pg *pgconn.PgConn) error {
			_, err := execSQL(ctx, pg, opts.Timeout, "CREATE DATABASE "+name)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("make a database for the file: %w", err)
		}
		iso.database = name
	}
	if opts.DropNew {
		err := withConn(ctx, opts, iso.database, func(pg *pgconn.PgConn) error {
			iso.before = objects(ctx, pg, opts.Timeout)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list what is there before the file: %w", err)
		}
	}
	return iso, nil
}

// finish cleans up after the file. It works on when ctx has ended.
func (iso *isolation) finish(ctx context.Context, opts *Options) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	var errs []error
	if opts.Cleanup != nil {
		errs = append(errs, withConn(ctx, opts, iso.database, func(pg *pgconn.PgConn) error {
			return opts.Cleanup(ctx, pg)
		}))
	}
	if opts.DropNew {
		errs = append(errs, withConn(ctx, opts, iso.database, func(pg *pgconn.PgConn) error {
			return dropNew(ctx, pg, opts.Timeout, iso.before)
		}))
	}
	if iso.database != "" {
		errs = append(errs, withConn(ctx, opts, "", func(pg *pgconn.PgConn) error {
			_, err := execSQL(ctx, pg, opts.Timeout, "DROP DATABASE "+iso.database+" WITH (FORCE)")
			if err != nil {
				_, err = execSQL(ctx, pg, opts.Timeout, "DROP DATABASE "+iso.database)
			}
			return err
		}))
	}
	return errors.Join(errs...)
}

func withConn(ctx context.Context, opts *Options, database string, f func(*pgconn.PgConn) error) error {
	pg, err := dialRetry(ctx, opts, database)
	if err != nil {
		return err
	}
	defer closeConn(pg)
	return f(pg)
}

// lister asks the server for objects. A server that does not know the query
// has none of them. A column "kind" can stand in front of "schema, name".
type lister struct {
	kind    string            // "" if the first column tells it
	kinds   map[string]string // from the first column
	columns int               // schema and name, or name alone
	sql     string
}

// dropOrder lists the kinds as they are dropped: what reads before what is read.
var dropOrder = []string{
	"SINK", "SUBSCRIPTION", "MATERIALIZED VIEW", "VIEW", "TABLE", "FOREIGN TABLE", "SOURCE",
	"SEQUENCE", "TYPE", "FUNCTION", "AGGREGATE", "PROCEDURE", "CONNECTION", "SECRET", "SCHEMA", "DATABASE", "USER",
}

var listers = []lister{
	{columns: 2, kinds: map[string]string{
		"r": "TABLE", "p": "TABLE", "v": "VIEW", "m": "MATERIALIZED VIEW", "f": "FOREIGN TABLE", "S": "SEQUENCE", "c": "TYPE",
	}, sql: `SELECT c.relkind, n.nspname, c.relname FROM pg_catalog.pg_class c
		JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`},
	{columns: 2, kinds: map[string]string{"BASE TABLE": "TABLE", "VIEW": "VIEW", "MATERIALIZED VIEW": "MATERIALIZED VIEW"},
		sql: `SELECT table_type, table_schema, table_name FROM information_schema.tables`},
	{kind: "MATERIALIZED VIEW", columns: 1, sql: "SHOW MATERIALIZED VIEWS"},
	{kind: "SINK", columns: 1, sql: "SHOW SINKS"},
	{kind: "SUBSCRIPTION", columns: 1, sql: "SHOW SUBSCRIPTIONS"},
	{kind: "SOURCE", columns: 1, sql: "SHOW SOURCES"},
	{kind: "CONNECTION", columns: 1, sql: "SHOW CONNECTIONS"},
	{kind: "SECRET", columns: 1, sql: "SHOW SECRETS"},
	{columns: 2, kinds: map[string]string{"f": "FUNCTION", "w": "FUNCTION", "a": "AGGREGATE", "p": "PROCEDURE"},
		sql: `SELECT p.prokind, n.nspname, p.proname FROM pg_catalog.pg_proc p
		JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname <> 'pg_catalog'`},
	{columns: 2, kinds: map[string]string{"e": "TYPE", "d": "TYPE", "r": "TYPE"},
		sql: `SELECT t.typtype, n.nspname, t.typname FROM pg_catalog.pg_type t
		JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname <> 'pg_catalog'`},
	{kind: "SCHEMA", columns: 1, sql: "SELECT nspname FROM pg_catalog.pg_namespace"},
	{kind: "SCHEMA", columns: 1, sql: "SELECT schema_name FROM information_schema.schemata"},
	{kind: "DATABASE", columns: 1, sql: "SELECT datname FROM pg_catalog.pg_database"},
	{kind: "USER", columns: 1, sql: "SELECT rolname FROM pg_catalog.pg_roles"},
}

// objects lists what is there, as far as the server tells.
func objects(ctx context.Context, pg *pgconn.PgConn, timeout time.Duration) map[object]bool {
	found := map[object]bool{}
	for _, l := range listers {
		res, err := execSQL(ctx, pg, timeout, l.sql)
		if err != nil {
			continue // the server has no such list
		}
		for _, row := range res.rows {
			o := object{kind: l.kind}
			if l.kinds != nil {
				o.kind, row = l.kinds[row[0]], row[1:]
			}
			if o.kind == "" || len(row) < l.columns {
				continue
			}
			o.name = row[l.columns-1]
			if l.columns == 2 {
				o.schema = row[0]
			}
			if !isSystem(o) {
				found[o] = true
			}
		}
	}
	return found
}

// isSystem reports whether an object belongs to the server or to a runner.
func isSystem(o object) bool {
	if o.kind == "DATABASE" {
		return strings.HasPrefix(o.name, freshPrefix)
	}
	schema := o.schema
	if o.kind == "SCHEMA" {
		schema = o.name
	}
	return strings.HasPrefix(schema, "pg_") || schema == "information_schema" || schema == "rw_catalog"
}

// dropNew drops what was not there before, and fails if something stays.
func dropNew(ctx context.Context, pg *pgconn.PgConn, timeout time.Duration, before map[object]bool) error {
	var last []object
	for range cleanupPasses {
		var left []object
		for o := range objects(ctx, pg, timeout) {
			if !before[o] {
				left = append(left, o)
			}
		}
		if len(left) == 0 {
			return nil
		}
		slices.SortFunc(left, func(a, b object) int {
			if c := slices.Index(dropOrder, a.kind) - slices.Index(dropOrder, b.kind); c != 0 {
				return c
			}
			return strings.Compare(a.String(), b.String())
		})
		for _, o := range left {
			if o.kind == "USER" { // grants bind a role, too
				_, _ = execSQL(ctx, pg, timeout, "DROP OWNED BY "+quoteIdent(o.name)+" CASCADE")
			}
			if _, err := execSQL(ctx, pg, timeout, "DROP "+o.String()+" CASCADE"); err != nil {
				// Not every kind takes CASCADE; what fails again stays for the
				// next pass, and is reported in the end.
				_, _ = execSQL(ctx, pg, timeout, "DROP "+o.String())
			}
		}
		last = left
	}
	var names []string
	for o := range objects(ctx, pg, timeout) {
		if !before[o] && slices.Contains(last, o) {
			names = append(names, o.String())
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return fmt.Errorf("left behind: %s", strings.Join(names, ", "))
}

func quoteIdent(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
