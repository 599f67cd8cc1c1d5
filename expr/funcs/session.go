package funcs

import (
	"strconv"
	"strings"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// orNull turns "" into NULL.
func orNull(s string) (string, error) {
	if s == "" {
		return "", kernel.Null
	}
	return s, nil
}

// s0 makes a function without arguments over the call's context.
func s0(f func(c *expr.CallCtx) (string, error)) evalFn {
	return kernel.M0(func(c *expr.CallCtx) func() (string, error) {
		return func() (string, error) { return f(c) }
	})
}

// sessionFuncs lists what the session knows about itself.
func sessionFuncs() []*expr.Def {
	name := func(n string, f func(c *expr.CallCtx) (string, error), doc string) *expr.Def {
		return stable(fn(n, ids{}, tName, s0(f), doc))
	}
	user := func(c *expr.CallCtx) (string, error) { return orNull(c.User) }
	database := func(c *expr.CallCtx) (string, error) { return orNull(c.Database) }
	schema := func(c *expr.CallCtx) (string, error) {
		if s := c.SessionInfo(); s != nil {
			return orNull(s.CurrentSchema())
		}
		return "", kernel.Null
	}
	schemas := stable(&expr.Def{Name: "current_schemas", Args: ids{tBool}, Ret: tArr, Elem: tBool, Doc: "Schemas of the search path",
		RetOf: func([]types.T) types.T { return types.ArrayOf(types.Of(tName)) },
		Eval: kernel.M1(func(c *expr.CallCtx) func(bool) (types.Datum, error) {
			return func(implicit bool) (types.Datum, error) {
				var out []types.Datum
				if s := c.SessionInfo(); s != nil {
					for _, n := range s.SearchPath(implicit) {
						out = append(out, types.BytesDatum(n))
					}
				}
				return types.OneDim(out).Datum(types.Of(tName)), nil
			}
		})})
	none := func(name string, ret id, doc string) *expr.Def {
		return stable(fn(name, ids{}, ret, kernel.M0(func(*expr.CallCtx) func() (types.Datum, error) {
			return func() (types.Datum, error) { return types.NullDatum, kernel.Null }
		}), doc))
	}
	return []*expr.Def{
		name("current_user", user, "Name of the user"), name("session_user", user, "Name of the user who connected"),
		name("user", user, "Name of the user"), name("current_role", user, "Name of the user"),
		name("current_database", database, "Name of the database"), name("current_catalog", database, "Name of the database"),
		name("current_schema", schema, "First schema of the search path"), schemas,
		stable(fn("version", ids{}, tText, s0(func(c *expr.CallCtx) (string, error) {
			if s := c.SessionInfo(); s != nil {
				return s.ServerVersion(), nil
			}
			return "PostgreSQL 15.0 (streamdb)", nil
		}), "Version of the server")),
		stable(fn("pg_backend_pid", ids{}, tI4, kernel.M0(func(c *expr.CallCtx) func() (int64, error) {
			return func() (int64, error) {
				if s := c.SessionInfo(); s != nil {
					return int64(s.BackendPID()), nil
				}
				return 0, nil
			}
		}), "Number of the session")),
		stable(fn("current_setting", ids{tText}, tText, kernel.M1(currentSetting(false)), "Value of a setting")),
		stable(notStrict(fn("current_setting", ids{tText, tBool}, tText, kernel.M2(func(c *expr.CallCtx) func(kernel.Opt[string], kernel.Opt[bool]) (string, error) {
			return func(n kernel.Opt[string], missing kernel.Opt[bool]) (string, error) {
				if n.Null || missing.Null {
					return "", kernel.Null
				}
				return currentSetting(missing.V)(c)(n.V)
			}
		}), "Value of a setting, or NULL if there is none"))),
		volatile(notStrict(fn("set_config", ids{tText, tText, tBool}, tText, kernel.M3(setConfig), "Sets a setting"))),
		stable(fn("pg_client_encoding", ids{}, tName, s0(func(*expr.CallCtx) (string, error) { return "UTF8", nil }), "Encoding of the client")),
		stable(fn("getdatabaseencoding", ids{}, tName, s0(func(*expr.CallCtx) (string, error) { return "UTF8", nil }), "Encoding of the database")),
		none("inet_server_addr", tText, "Address of the server"), none("inet_client_addr", tText, "Address of the client"),
		none("inet_server_port", tI4, "Port of the server"), none("inet_client_port", tI4, "Port of the client"),
		stable(notStrict(fn("pg_typeof", ids{tAny}, types.Regtype, kernel.M0(func(c *expr.CallCtx) func() (int64, error) {
			return func() (int64, error) { return int64(c.Args[0].OID()), nil }
		}), "Type of the argument"))),
		volatile(fn("pg_sleep", ids{tF8}, types.Void, pgSleep, "Waits")),
	}
}

func currentSetting(missingOK bool) func(c *expr.CallCtx) func(string) (string, error) {
	return func(c *expr.CallCtx) func(string) (string, error) {
		return func(n string) (string, error) {
			if s := c.SessionInfo(); s != nil {
				if v, ok := s.CurrentSetting(strings.ToLower(n)); ok {
					return v, nil
				}
			}
			if missingOK {
				return "", kernel.Null
			}
			return "", sqlerr.New(sqlerr.UndefinedObject, "unrecognized configuration parameter \"%s\"", n)
		}
	}
}

func setConfig(c *expr.CallCtx) func(name, value kernel.Opt[string], local kernel.Opt[bool]) (string, error) {
	return func(name, value kernel.Opt[string], local kernel.Opt[bool]) (string, error) {
		if name.Null {
			return "", sqlerr.New(sqlerr.NullValueNotAllowed, "SET requires parameter name")
		}
		s := c.SessionInfo()
		if s == nil {
			return "", sqlerr.Unsupported("set_config in a materialized view")
		}
		if err := s.SetConfig(strings.ToLower(name.V), value.V, local.V && !local.Null); err != nil {
			return "", err
		}
		v, _ := s.CurrentSetting(strings.ToLower(name.V))
		return v, nil
	}
}

// pgSleep waits in slices, so that a cancelled statement ends soon.
func pgSleep(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
	for k := range c.Rows() {
		i := c.Row(k)
		if err := sleep(c.Ctx, args[0].F64[i&args[0].Mask()]); err != nil {
			return vec.Vec{}, err
		}
	}
	return vec.ConstOf(types.LBytes, types.BytesDatum(""), c.N), nil
}

// sizePretty is pg_size_pretty: from kB on the size is kept in half units, so
// that it can be rounded to nearest in the end.
func sizePretty(n int64) string {
	if n > -10*1024 && n < 10*1024 {
		return strconv.FormatInt(n, 10) + " bytes"
	}
	units := []string{"kB", "MB", "GB", "TB", "PB"}
	const limit = 20*1024 - 1
	n /= 1 << 9
	for k, u := range units {
		if k == len(units)-1 || n > -limit && n < limit {
			if n >= 0 {
				n++
			} else {
				n--
			}
			return strconv.FormatInt(n/2, 10) + " " + u
		}
		n /= 1 << 10
	}
	return ""
}
