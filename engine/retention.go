package engine

import (
	"slices"
	"strconv"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
)

// retentionOption is the option of CREATE TABLE that lets rows go by themselves.
const retentionOption = "retention_seconds"

// maxRetention is a thousand years.
const maxRetention = 1000 * 366 * 24 * 3600

// takeRetention reads WITH (retention_seconds = n) and takes it out of the
// options, the others of which are the connector's.
func (s *Session) takeRetention(o *catalog.Object, options []*ast.Option) ([]*ast.Option, error) {
	i := slices.IndexFunc(options, func(x *ast.Option) bool { return x.Name == retentionOption })
	if i < 0 {
		return options, nil
	}
	n, err := strconv.ParseInt(options[i].Value, 10, 64)
	if err != nil || n <= 0 || n > maxRetention {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "%s must be a number of seconds above 0, not %q", retentionOption, options[i].Value)
	}
	if !o.AppendOnly && !s.settings.on("unsafe_enable_storage_retention_for_non_append_only_tables") {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "%s on a table that is not APPEND ONLY", retentionOption).
			WithHint("Rows would go by themselves though nobody deletes them. If that is wanted: SET unsafe_enable_storage_retention_for_non_append_only_tables = on.")
	}
	o.Retention = n
	return slices.Delete(slices.Clone(options), i, i+1), nil
}

// retain gives a table with a retention time the column that it needs.
func retain(o *catalog.Object) error {
	if o.Retention == 0 {
		return nil
	}
	if o.Connector != nil && len(o.PrimaryKey()) > 0 {
		return sqlerr.Unsupported("%s on a table with a connector and a primary key", retentionOption).
			WithHint("Put a materialized view with a condition on now() over it.")
	}
	o.Cols = append(o.Cols, catalog.Ingested)
	return nil
}
