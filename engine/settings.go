package engine

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// setting is one session setting: SHOW name, SET name.
type setting struct {
	name     string // as reported; looked up case-insensitively
	def      string
	doc      string
	readOnly bool
	report   bool // told to the client as ParameterStatus
	// noted settings are accepted for scripts of other systems; setting one
	// answers with a NOTICE that says what happens instead.
	noted string
	// check returns the value in its canonical form, or an error.
	check func(s string) (string, error)
	// show is the form of a value that SHOW gives; nil: the value.
	show func(s string) string
}

const serverVersion = "15.0"

var settingList = []setting{
	{name: "server_version", def: serverVersion, readOnly: true, report: true, doc: "version of Postgres whose dialect and catalogs are served"},
	{name: "server_version_num", def: "150000", readOnly: true, doc: "the same as a number"},
	{name: "server_encoding", def: "UTF8", readOnly: true, report: true, doc: "encoding of stored text"},
	{name: "client_encoding", def: "UTF8", report: true, check: checkEncoding, doc: "encoding of the client's text"},
	{name: "DateStyle", def: "ISO, MDY", report: true, check: checkDateStyle, doc: "order of ambiguous dates; output is ISO"},
	{name: "TimeZone", def: "UTC", report: true, check: checkTimeZone, doc: "time zone of timestamptz values"},
	{name: "IntervalStyle", def: "postgres", report: true, check: oneOf("postgres"), doc: "output form of intervals"},
	{name: "integer_datetimes", def: "on", readOnly: true, report: true, doc: "times are integers"},
	{name: "standard_conforming_strings", def: "on", report: true, check: oneOf("on"), doc: "backslashes in '..' are ordinary"},
	{name: "application_name", def: "", report: true, doc: "name of the client's program"},
	{name: "is_superuser", def: "on", readOnly: true, report: true, doc: "the user may do everything"},
	{name: "session_authorization", def: "root", readOnly: true, report: true, doc: "the session's user"},
	{name: "in_hot_standby", def: "off", readOnly: true, report: true, doc: "never a standby"},
	{name: "default_transaction_read_only", def: "off", report: true, check: checkBool, doc: "new transactions refuse to write"},
	{name: "transaction_read_only", def: "off", check: checkBool, doc: "this transaction refuses to write"},
	{name: "transaction_isolation", def: "repeatable read", check: checkIsolation, doc: "level of this transaction; each reads one snapshot"},
	{name: "default_transaction_isolation", def: "repeatable read", check: checkIsolation, doc: "level of new transactions: repeatable read or serializable"},
	{name: "transaction_deferrable", def: "off", check: checkBool, doc: "accepted"},
	{name: "search_path", def: "\"$user\", public", doc: "schemas that unqualified names are looked up in"},
	{name: "statement_timeout", def: "0", check: checkDuration, show: showDuration, doc: "a statement is cancelled after this time; 0: never"},
	{name: "lock_timeout", def: "0", check: checkDuration, show: showDuration, doc: "accepted"},
	{name: "idle_in_transaction_session_timeout", def: "0", check: checkDuration, show: showDuration, doc: "accepted"},
	{name: "idle_session_timeout", def: "0", check: checkDuration, show: showDuration, doc: "accepted"},
	{name: "client_min_messages", def: "notice", doc: "accepted"},
	{name: "extra_float_digits", def: "1", check: checkInt, doc: "accepted: floats print shortest-exact"},
	{name: "bytea_output", def: "hex", check: oneOf("hex"), doc: "output form of bytea"},
	{name: "max_identifier_length", def: "63", readOnly: true, doc: "bytes of a name"},
	{name: "block_size", def: "8192", readOnly: true, doc: "for tools"},
	{name: "row_security", def: "on", check: checkBool, doc: "accepted"},
	{name: "synchronize_seqscans", def: "on", check: checkBool, doc: "accepted"},
	{name: "enable_indexscan", def: "on", check: checkBool, doc: "queries read indexes and ranges of primary keys"},
	{name: "default_table_access_method", def: "heap", doc: "accepted"},
	{name: "default_tablespace", def: "", doc: "accepted"},
	{name: "check_function_bodies", def: "on", check: checkBool, doc: "accepted"},
	{name: "xmloption", def: "content", doc: "accepted"},
	{name: "lc_collate", def: "C", readOnly: true, doc: "text compares by bytes"},
	{name: "lc_ctype", def: "C.UTF-8", readOnly: true, doc: "character classes"},
	{name: "lc_messages", def: "C", doc: "accepted"},
	{name: "lc_monetary", def: "C", doc: "accepted"},
	{name: "lc_numeric", def: "C", doc: "accepted"},
	{name: "lc_time", def: "C", doc: "accepted"},

	{name: "synchronous_visibility", def: "off", check: checkBool, doc: "readers see synced epochs only"},
	{name: "statement_cache", def: "on", check: checkBool, doc: "plans of queries, INSERT, UPDATE and DELETE are kept for statements that differ in literals alone"},
	{name: "background_ddl", def: "off", check: checkBool, doc: "CREATE MATERIALIZED VIEW returns before its backfill is done"},
	{name: "streaming_parallelism", def: "default", check: checkParallelism, doc: "instances of a new job's parallel fragments; default or 0: the server's"},

	{name: "rw_implicit_flush", def: "on", check: checkBool, noted: "writes are always visible when they return", doc: "accepted"},
	{name: "implicit_flush", def: "on", check: checkBool, noted: "writes are always visible when they return", doc: "accepted"},
	{name: "dml_wait_persistence", def: "on", check: checkBool, noted: "writes are always durable when they return", doc: "accepted"},
	{name: "query_mode", def: "auto", noted: "there is one query mode", doc: "accepted"},
	{name: "visibility_mode", def: "default", noted: "see synchronous_visibility", doc: "accepted"},
	{name: "backfill_rate_limit", def: "default", check: checkRate, doc: "rows a second that the backfills of a new job read of each relation; 0: paused"},
	{name: "source_rate_limit", def: "default", check: checkRate, doc: "rows a second that a new source or table reads from its connector; 0: paused"},
	{name: "dml_rate_limit", def: "default", check: checkRate, doc: "rows a second that statements may write to a new table; 0: they wait"},
	{name: "sink_rate_limit", def: "default", check: checkRate, doc: "rows a second that a new sink delivers; 0: paused"},
	{name: "sink_decouple", def: "default", noted: "sinks are always decoupled", doc: "accepted"},
	{name: "streaming_use_snapshot_backfill", def: "on", noted: "there is one way of backfill", doc: "accepted"},
	{name: "streaming_use_arrangement_backfill", def: "on", noted: "there is one way of backfill", doc: "accepted"},
	{name: "streaming_use_shared_source", def: "on", noted: "sources are always shared", doc: "accepted"},
	{name: "enable_locality_backfill", def: "off", noted: "there is one way of backfill", doc: "accepted"},
	{name: "locality_backfill_mode", def: "default", noted: "there is one way of backfill", doc: "accepted"},
	{name: "enable_share_plan", def: "on", check: checkBool, doc: "queries and new jobs compute equal subplans once"},
	{name: "enable_two_phase_agg", def: "on", check: checkBool, doc: "a new job combines rows of a group before it sends them to be aggregated, where that makes fewer"},
	{name: "force_two_phase_agg", def: "off", check: checkBool, doc: "a new job combines them also where that makes hardly fewer"},
	{name: "enable_join_ordering", def: "on", check: checkBool, doc: "joins may be done in another order than that of the query"},
	{name: "enable_rewrites", def: "on", check: checkBool, doc: "plans make use of keys and equalities"},
	{name: "rw_enable_join_ordering", def: "on", noted: "use enable_join_ordering", doc: "accepted"},
	{name: "rw_streaming_enable_delta_join", def: "off", noted: "joins keep their own state", doc: "accepted"},
	{name: "streaming_enable_delta_join", def: "off", noted: "joins keep their own state", doc: "accepted"},
	{name: "streaming_enable_bushy_join", def: "on", noted: "the planner decides", doc: "accepted"},
	{name: "rw_batch_enable_lookup_join", def: "on", noted: "the planner decides", doc: "accepted"},
	{name: "rw_batch_enable_sort_agg", def: "on", noted: "the planner decides", doc: "accepted"},
	{name: "rw_streaming_allow_jsonb_in_stream_key", def: "on", noted: "jsonb may be part of a key", doc: "accepted"},
	{name: "streaming_allow_jsonb_in_stream_key", def: "on", noted: "jsonb may be part of a key", doc: "accepted"},
	{name: "streaming_over_window_cache_policy", def: "full", noted: "the operator decides", doc: "accepted"},
	{name: "unsafe_enable_storage_retention_for_non_append_only_tables", def: "off", check: checkBool, doc: "retention_seconds may be given to tables that are not APPEND ONLY"},
	{name: "disable_purify_definition", def: "off", noted: "definitions are shown as written", doc: "accepted"},
	{name: "batch_enable_distributed_dml", def: "off", noted: "there is one process", doc: "accepted"},
	{name: "create_compaction_group_for_mv", def: "off", noted: "there are no compaction groups", doc: "accepted"},
	{name: "cluster", def: "default", noted: "there is one cluster", doc: "accepted"},
}

var settingByName = func() map[string]*setting {
	m := map[string]*setting{}
	for i := range settingList {
		m[strings.ToLower(settingList[i].name)] = &settingList[i]
	}
	return m
}()

// settings are a session's values, by lower-case name; absent ones have their default.
type settings struct {
	values map[string]string
	saved  map[string]string // values when the transaction block began
	base   map[string]string // defaults of ALTER SYSTEM; not changed
	local  map[string]string // values to go back to when the transaction ends (SET LOCAL)

	now *current // nil: a value may have changed
}

func (db *DB) newSettings() *settings {
	return &settings{values: map[string]string{}, base: db.system.sessionDefaults()}
}

func findSetting(name string) (*setting, error) {
	s := settingByName[strings.ToLower(name)]
	if s == nil {
		return nil, sqlerr.New(sqlerr.UndefinedObject, "unrecognized configuration parameter \"%s\"", name)
	}
	return s, nil
}

// get returns a setting's value as SHOW gives it. Names with a dot are custom
// settings, which exist once set, as in Postgres.
func (s *settings) get(name string) (string, error) {
	v, err := s.raw(name)
	if def := settingByName[strings.ToLower(name)]; err == nil && def != nil && def.show != nil {
		v = def.show(v)
	}
	return v, err
}

// raw returns a setting's value as check made it.
func (s *settings) raw(name string) (string, error) {
	key := strings.ToLower(name)
	if v, ok := s.values[key]; ok {
		return v, nil
	}
	if key == transactionIsolation { // no transaction has its own
		return s.raw("default_transaction_isolation")
	}
	if v, ok := s.base[key]; ok {
		return v, nil
	}
	def, err := findSetting(name)
	if err != nil {
		return "", err
	}
	return def.def, nil
}

// must returns the value of a setting of the list.
func (s *settings) must(name string) string {
	v, err := s.raw(name)
	if err != nil {
		panic(err)
	}
	return v
}

func (s *settings) on(name string) bool { return s.must(name) == "on" }

// set changes a setting; deflt asks for the default. It returns the notice to
// give, "" for none.
func (s *settings) set(name, value string, deflt, local bool) (string, error) {
	key := strings.ToLower(name)
	def, err := findSetting(name)
	if err != nil {
		if !strings.Contains(key, ".") {
			return "", err
		}
		def = &setting{name: key}
	}
	if def.readOnly {
		return "", sqlerr.New("55P02", "parameter \"%s\" cannot be changed", def.name)
	}
	if deflt {
		value = def.def
		if v, ok := s.base[key]; ok {
			value = v
		}
	} else if def.check != nil {
		if value, err = def.check(value); err != nil {
			e := sqlerr.From(err)
			e.Msg = strings.ReplaceAll(e.Msg, "%name", def.name)
			return "", e
		}
	}
	if local {
		if s.local == nil {
			s.local = map[string]string{}
		}
		if _, kept := s.local[key]; !kept {
			was, isSet := s.values[key]
			if !isSet {
				was = def.def
			}
			s.local[key] = was
		}
	}
	s.values[key] = value
	s.now = nil
	if def.noted != "" {
		return "\"" + def.name + "\" is accepted and has no effect: " + def.noted, nil
	}
	return "", nil
}

// begin remembers the values, which ROLLBACK brings back.
func (s *settings) begin() { s.saved = maps.Clone(s.values) }

// endTransaction takes back what SET LOCAL set, and what SET set if the
// transaction was rolled back.
func (s *settings) endTransaction(committed bool) {
	if s.local == nil && s.saved == nil {
		return
	}
	s.now = nil
	for k, v := range s.local {
		s.values[k] = v
	}
	if !committed && s.saved != nil {
		s.values = s.saved
	}
	s.local, s.saved = nil, nil
}

// reported lists the values to tell the client.
func (s *settings) reported() map[string]string {
	m := map[string]string{}
	for i := range settingList {
		if settingList[i].report {
			m[settingList[i].name] = s.must(settingList[i].name)
		}
	}
	return m
}

func (s *settings) clone() *settings { return &settings{values: maps.Clone(s.values), base: s.base} }

// searchPath returns the schemas to look names up in.
func (s *settings) searchPath(user string) []string {
	var path []string
	for _, part := range strings.Split(s.must("search_path"), ",") {
		part = strings.Trim(strings.TrimSpace(part), `"`)
		if part == "$user" {
			part = user
		}
		if part != "" {
			path = append(path, part)
		}
	}
	return path
}

func (s *settings) statementTimeout() time.Duration {
	ms, _ := strconv.Atoi(s.must("statement_timeout"))
	return time.Duration(ms) * time.Millisecond
}

func invalidValue(v string) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter \"%%name\": \"%s\"", v)
}

func checkBool(s string) (string, error) {
	switch l := strings.ToLower(s); {
	case l == "":
		return "", invalidValue(s)
	case l == "on" || l == "1" || strings.HasPrefix("true", l) || strings.HasPrefix("yes", l):
		return "on", nil
	case l == "off" || l == "of" || l == "0" || strings.HasPrefix("false", l) || strings.HasPrefix("no", l):
		return "off", nil
	}
	return "", sqlerr.New(sqlerr.InvalidParameterValue, "parameter \"%%name\" requires a Boolean value")
}

func checkInt(s string) (string, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return "", invalidValue(s)
	}
	return strconv.Itoa(n), nil
}

func checkParallelism(s string) (string, error) {
	if l := strings.ToLower(s); l == "default" || l == "adaptive" || l == "auto" || l == "0" {
		return "default", nil
	}
	if n, err := strconv.Atoi(s); err == nil && n > 0 && n <= 64 {
		return s, nil
	}
	return "", invalidValue(s)
}

// checkDuration accepts a number of milliseconds or a number with a unit.
func checkDuration(s string) (string, error) {
	t := strings.TrimSpace(s)
	for _, u := range []struct {
		suffix string
		ms     float64
	}{{"ms", 1}, {"min", 60000}, {"us", 0.001}, {"s", 1000}, {"h", 3600000}, {"d", 86400000}, {"", 1}} {
		if num, ok := strings.CutSuffix(t, u.suffix); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
			if err != nil || f < 0 {
				return "", invalidValue(s)
			}
			return strconv.Itoa(int(f * u.ms)), nil
		}
	}
	return "", invalidValue(s)
}

// showDuration writes milliseconds in the largest unit that needs no fraction.
func showDuration(s string) string {
	n, err := strconv.Atoi(s)
	if err != nil || n == 0 {
		return s
	}
	unit := "ms"
	for _, u := range []struct {
		name string
		of   int
	}{{"s", 1000}, {"min", 60}, {"h", 60}, {"d", 24}} {
		if n%u.of != 0 {
			break
		}
		n, unit = n/u.of, u.name
	}
	return strconv.Itoa(n) + unit
}

func oneOf(values ...string) func(string) (string, error) {
	return func(s string) (string, error) {
		if l := strings.ToLower(s); slices.Contains(values, l) {
			return l, nil
		}
		return "", invalidValue(s)
	}
}

func checkEncoding(s string) (string, error) {
	name := strings.Map(func(r rune) rune { // Postgres looks at letters and digits only; a driver sends 'utf-8' with the quotes
		if r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return unicode.ToUpper(r)
		}
		return -1
	}, s)
	switch name {
	case "UTF8", "UNICODE":
		return "UTF8", nil
	case "SQLASCII":
		return "SQL_ASCII", nil
	}
	return "", sqlerr.New(sqlerr.FeatureNotSupported, "conversion between %s and UTF8 is not supported", s)
}

func checkDateStyle(s string) (string, error) {
	order := "MDY"
	for _, part := range strings.Split(strings.ToUpper(s), ",") {
		switch strings.TrimSpace(part) {
		case "ISO", "DEFAULT", "":
		case "MDY", "DMY", "YMD":
			order = strings.TrimSpace(part)
		case "US", "NONEURO", "NONEUROPEAN":
			order = "MDY"
		case "EURO", "EUROPEAN":
			order = "DMY"
		case "SQL", "POSTGRES", "GERMAN":
			return "", sqlerr.New(sqlerr.FeatureNotSupported, "DateStyle other than ISO is not supported")
		default:
			return "", invalidValue(s)
		}
	}
	return "ISO, " + order, nil
}

func checkTimeZone(s string) (string, error) {
	if strings.EqualFold(s, "local") {
		return "UTC", nil
	}
	if strings.EqualFold(s, "utc") {
		return "UTC", nil
	}
	loc, err := types.LoadZone(s)
	if err != nil {
		return "", invalidValue(s)
	}
	return loc.String(), nil
}

func checkIsolation(s string) (string, error) {
	switch l := strings.ToLower(s); l {
	case "read uncommitted", "read committed", "repeatable read":
		return repeatableRead, nil
	case serializable:
		return serializable, nil
	}
	return "", invalidValue(s)
}
