package funcs

import (
	"slices"
	"strings"
	"time"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// sleep waits for seconds, polling for cancellation.
func sleep(ctx *expr.Ctx, seconds float64) error {
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	for left := time.Until(end); left > 0; left = time.Until(end) {
		if ctx != nil && ctx.Cancelled != nil && ctx.Cancelled() {
			return sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to user request")
		}
		time.Sleep(min(left, 10*time.Millisecond))
	}
	return nil
}

// oidText makes a function from an oid (and further arguments that are ignored)
// to text that the session knows; "" is NULL.
func oidText(name string, args ids, ret id, f func(s expr.SessionInfo, oid uint32) string, doc string) *expr.Def {
	return stable(fn(name, args, ret, kernel.Rows(func(c *expr.CallCtx) func([]types.Datum) (string, error) {
		return func(r []types.Datum) (string, error) {
			s := c.SessionInfo()
			if s == nil {
				return "", kernel.Null
			}
			return orNull(f(s, uint32(r[0].I)))
		}
	}), doc))
}

// oidBool is oidText for booleans; without a session the answer is TRUE.
func oidBool(name string, f func(s expr.SessionInfo, oid uint32) bool, doc string) *expr.Def {
	return stable(fn(name, ids{tOID}, tBool, kernel.M1(func(c *expr.CallCtx) func(int64) (bool, error) {
		return func(oid int64) (bool, error) {
			s := c.SessionInfo()
			return s == nil || f(s, uint32(oid)), nil
		}
	}), doc))
}

// constant makes a strict function with always the same result.
func constant(name string, args ids, ret id, d types.Datum, doc string) *expr.Def {
	return stable(fn(name, args, ret, kernel.Rows(func(*expr.CallCtx) func([]types.Datum) (types.Datum, error) {
		return func([]types.Datum) (types.Datum, error) { return d, nil }
	}), doc))
}

// catalogFuncs lists the functions that catalog queries of psql and drivers call.
func catalogFuncs() []*expr.Def {
	visible := func(expr.SessionInfo, uint32) bool { return true }
	out := []*expr.Def{
		stable(notStrict(fn("format_type", ids{tOID, tI4}, tText, kernel.E2(formatType), "Name of a type"))),
		oidText("pg_get_userbyid", ids{tOID}, tName, expr.SessionInfo.RoleName, "Name of a role"),
		oidText("pg_get_viewdef", ids{tOID}, tText, expr.SessionInfo.ViewDef, "Query of a view"),
		oidText("pg_get_viewdef", ids{tOID, tBool}, tText, expr.SessionInfo.ViewDef, "Query of a view"),
		oidText("pg_get_viewdef", ids{tOID, tI4}, tText, expr.SessionInfo.ViewDef, "Query of a view"),
		oidText("pg_get_indexdef", ids{tOID}, tText, func(s expr.SessionInfo, oid uint32) string { return s.IndexDef(oid, 0) }, "Definition of an index"),
		stable(fn("pg_get_indexdef", ids{tOID, tI4, tBool}, tText, kernel.Rows(func(c *expr.CallCtx) func([]types.Datum) (string, error) {
			return func(r []types.Datum) (string, error) {
				s := c.SessionInfo()
				if s == nil {
					return "", kernel.Null
				}
				return orNull(s.IndexDef(uint32(r[0].I), int32(r[1].I)))
			}
		}), "Definition of an index, or of one of its columns")),
		oidText("pg_get_constraintdef", ids{tOID}, tText, expr.SessionInfo.ConstraintDef, "Definition of a constraint"),
		oidText("pg_get_constraintdef", ids{tOID, tBool}, tText, expr.SessionInfo.ConstraintDef, "Definition of a constraint"),
		fn("pg_get_expr", ids{tText, tOID}, tText, identity, "Expression as text"),
		fn("pg_get_expr", ids{tText, tOID, tBool}, tText, identity, "Expression as text"),
		oidText("obj_description", ids{tOID}, tText, func(s expr.SessionInfo, oid uint32) string { return s.Comment(oid, "pg_class", 0) }, "Comment on an object"),
		comment("obj_description", ids{tOID, tName}), comment("shobj_description", ids{tOID, tName}), comment("col_description", ids{tOID, tI4}),
		oidBool("pg_table_is_visible", expr.SessionInfo.RelVisible, "Whether the search path finds a relation"),
		oidBool("pg_type_is_visible", expr.SessionInfo.TypeVisible, "Whether the search path finds a type"),
		oidBool("pg_function_is_visible", expr.SessionInfo.FunctionVisible, "Whether the search path finds a function"),
		stable(fn("pg_encoding_to_char", ids{tI4}, tName, kernel.U1(func(i int64) string {
			if i == 6 {
				return "UTF8"
			}
			return ""
		}), "Name of an encoding")),
		stable(fn("pg_char_to_encoding", ids{tName}, tI4, kernel.U1(func(s string) int64 {
			if isUTF8Name(s) {
				return 6
			}
			return -1
		}), "Number of an encoding")),
		fn("pg_size_pretty", ids{tI8}, tText, kernel.U1(sizePretty), "Size in bytes as text for people"),
		fn("pg_size_pretty", ids{tNum}, tText, kernel.E1(func(d types.Decimal) (string, error) {
			n, err := d.ToInt64()
			return sizePretty(n), err
		}), "Size in bytes as text for people"),
		stable(fn("to_regclass", ids{tText}, types.Regclass, kernel.M1(func(c *expr.CallCtx) func(string) (int64, error) {
			return func(n string) (int64, error) {
				if s := c.SessionInfo(); s != nil {
					if oid, ok := s.RelOID(n); ok {
						return int64(oid), nil
					}
				}
				return 0, kernel.Null
			}
		}), "Relation by name; NULL if there is none")),
		fn("to_regtype", ids{tText}, types.Regtype, kernel.E1(func(n string) (int64, error) {
			t, ok := types.Lookup(strings.ToLower(strings.TrimSpace(n)))
			if !ok {
				return 0, kernel.Null
			}
			return int64(t.OID()), nil
		}), "Type by name; NULL if there is none"),
		stable(fn("pg_database_size", ids{tName}, tI8, kernel.M1(func(c *expr.CallCtx) func(string) (int64, error) {
			return func(n string) (int64, error) {
				if s := c.SessionInfo(); s != nil {
					return s.DatabaseBytes(n), nil
				}
				return 0, nil
			}
		}), "Size of a database on disk")),
		stable(fn("pg_database_size", ids{tOID}, tI8, kernel.M1(func(c *expr.CallCtx) func(int64) (int64, error) {
			return func(int64) (int64, error) {
				if s := c.SessionInfo(); s != nil {
					return s.DatabaseBytes(c.Database), nil
				}
				return 0, nil
			}
		}), "Size of a database on disk")),
		constant("pg_is_in_recovery", ids{}, tBool, types.BoolDatum(false), "Whether the server replays a log"),
		constant("pg_relation_is_publishable", ids{types.Regclass}, tBool, types.BoolDatum(false), "Whether a relation can be published"),
		constant("pg_my_temp_schema", ids{}, tOID, types.IntDatum(0), "Schema of the session's temporary tables"),
		constant("pg_is_other_temp_schema", ids{tOID}, tBool, types.BoolDatum(false), "Whether a schema is another session's"),
		constant("row_security_active", ids{tOID}, tBool, types.BoolDatum(false), "Whether row security applies"),
		constant("txid_current", ids{}, tI8, types.IntDatum(1), "Number of the transaction"),
		constant("pg_tablespace_location", ids{tOID}, tText, types.BytesDatum(""), "Path of a tablespace"),
		constant("pg_stat_get_numscans", ids{tOID}, tI8, types.IntDatum(0), "Number of scans"),
		constant("pg_collation_for", ids{tAny}, tText, types.BytesDatum(`"default"`), "Collation of the argument"),
		constant("pg_advisory_lock", ids{tI8}, types.Void, types.BytesDatum(""), "Does nothing"),
		constant("pg_advisory_unlock", ids{tI8}, tBool, types.BoolDatum(true), "Does nothing"),
		constant("pg_try_advisory_lock", ids{tI8}, tBool, types.BoolDatum(true), "Does nothing"),
	}
	out = append(out, constant("pg_indexes_size", ids{types.Regclass}, tI8, types.IntDatum(0), "Size of the indexes on disk: keys are part of the relation"))
	for _, n := range []string{"pg_relation_size", "pg_table_size", "pg_total_relation_size"} {
		size := kernel.Rows(func(c *expr.CallCtx) func([]types.Datum) (int64, error) {
			return func(r []types.Datum) (int64, error) {
				if len(r) > 1 && r[1].S != "main" {
					if !slices.Contains([]string{"fsm", "vm", "init"}, r[1].S) {
						return 0, sqlerr.New(sqlerr.InvalidParameterValue, "invalid fork name").
							WithHint("Valid fork names are \"main\", \"fsm\", \"vm\", and \"init\".")
					}
					return 0, nil
				}
				if s := c.SessionInfo(); s != nil {
					return s.RelBytes(uint32(r[0].I)), nil
				}
				return 0, nil
			}
		})
		out = append(out, stable(fn(n, ids{types.Regclass}, tI8, size, "Size of a relation on disk, about")))
		if n == "pg_relation_size" {
			out = append(out, stable(fn(n, ids{types.Regclass, tText}, tI8, size, "Size of a relation on disk, about")))
		}
	}
	for _, n := range []string{"operator", "opclass", "opfamily", "collation", "conversion", "ts_config", "ts_dict", "ts_parser", "ts_template", "statistics_obj"} {
		out = append(out, oidBool("pg_"+n+"_is_visible", visible, "Whether the search path finds an object"))
	}
	null := types.NullDatum
	for _, n := range []string{
		"pg_get_functiondef", "pg_get_function_arguments", "pg_get_function_identity_arguments", "pg_get_function_result", "pg_get_function_sqlbody",
		"pg_get_partkeydef", "pg_get_partition_constraintdef", "pg_get_ruledef", "pg_get_triggerdef", "pg_get_statisticsobjdef",
		"pg_get_statisticsobjdef_columns",
	} {
		out = append(out, constant(n, ids{tOID}, tText, null, "There is none: NULL"))
	}
	out = append(out,
		constant("pg_get_ruledef", ids{tOID, tBool}, tText, null, "There is none: NULL"),
		constant("pg_get_triggerdef", ids{tOID, tBool}, tText, null, "There is none: NULL"),
		constant("pg_get_serial_sequence", ids{tText, tText}, tText, null, "There is none: NULL"))
	return append(out, privilegeFuncs()...)
}

func comment(name string, args ids) *expr.Def {
	return stable(fn(name, args, tText, kernel.Rows(func(c *expr.CallCtx) func([]types.Datum) (string, error) {
		return func(r []types.Datum) (string, error) {
			s := c.SessionInfo()
			if s == nil {
				return "", kernel.Null
			}
			if name == "col_description" {
				return orNull(s.Comment(uint32(r[0].I), "pg_class", int32(r[1].I)))
			}
			return orNull(s.Comment(uint32(r[0].I), r[1].S, 0))
		}
	}), "Comment on an object"))
}

// formatType is format_type(oid, typmod).
func formatType(oid, mod kernel.Opt[int64]) (string, error) {
	if oid.Null {
		return "", kernel.Null
	}
	m := int32(-1)
	if !mod.Null {
		m = int32(mod.V)
	}
	if t, ok := types.OfTypmod(uint32(oid.V), m); ok {
		return t.String(), nil
	}
	if oid.V == 0 {
		return "-", nil
	}
	return "???", nil
}

// privilegeFuncs lists has_*_privilege: everybody may do everything.
func privilegeFuncs() []*expr.Def {
	var out []*expr.Def
	yes := types.BoolDatum(true)
	for _, n := range []string{"database", "schema", "table", "function", "sequence", "type", "tablespace", "language", "server", "foreign_data_wrapper", "any_column"} {
		for _, args := range []ids{{tText, tText}, {tOID, tText}, {tName, tText, tText}, {tName, tOID, tText}, {tOID, tText, tText}, {tOID, tOID, tText}} {
			out = append(out, constant("has_"+n+"_privilege", args, tBool, yes, "Whether a user has a privilege: always"))
		}
	}
	for _, args := range []ids{{tText, tText, tText}, {tText, tI2, tText}, {tOID, tText, tText}, {tOID, tI2, tText}} {
		out = append(out, constant("has_column_privilege", args, tBool, yes, "Whether a user has a privilege: always"))
	}
	for _, args := range []ids{{tName, tText}, {tOID, tText}, {tName, tName, tText}, {tName, tOID, tText}} {
		out = append(out, constant("pg_has_role", args, tBool, yes, "Whether a user has a role: always"))
	}
	return out
}
