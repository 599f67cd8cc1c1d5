package engine

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/storage"
)

// systemSetting is a setting of the whole database: ALTER SYSTEM SET name.
// ALTER SYSTEM also takes the settings of sessions: then it sets the default of
// new ones.
type systemSetting struct {
	def   string
	check func(string) (string, error)
	noted string // accepted without effect: what happens instead
}

// systemSettingList holds RisingWave's system parameters.
var systemSettingList = map[string]systemSetting{
	"max_concurrent_creating_streaming_jobs": {def: "0", check: checkCount},
	"barrier_interval_ms":                    {check: checkMillis},
	"checkpoint_frequency":                   {check: checkCount},
	"checkpoint_timeout_ms":                  {def: "600000", check: checkCount},

	"adaptive_parallelism_strategy":  {def: "AUTO", noted: "a job's parallelism is the server's, or that of SET PARALLELISM"},
	"backup_storage_directory":       {noted: "BACKUP TO names its directory"},
	"backup_storage_url":             {noted: "BACKUP TO names its directory"},
	"block_size_kb":                  {noted: "the store decides"},
	"bloom_false_positive":           {noted: "the store decides"},
	"enable_tracing":                 {def: "off", noted: "there is no tracing"},
	"enforce_secret":                 {def: "off", noted: "secrets are not asked for"},
	"license_key":                    {noted: "no license is needed"},
	"parallel_compact_size_mb":       {noted: "the store decides"},
	"pause_on_next_bootstrap":        {def: "off", noted: "jobs start with the server"},
	"per_database_isolation":         {def: "on", noted: "there is one database"},
	"sstable_size_mb":                {noted: "the store decides"},
	"time_travel_retention_ms":       {def: "0", noted: "old epochs are not kept"},
	"use_new_object_prefix_strategy": {def: "off", noted: "there is no object store"},
}

func checkCount(s string) (string, error) {
	if n, err := strconv.Atoi(s); err != nil || n < 0 {
		return "", invalidValue(s)
	}
	return s, nil
}

func checkMillis(s string) (string, error) {
	if n, err := strconv.Atoi(s); err != nil || n < 1 || n > 3_600_000 {
		return "", invalidValue(s)
	}
	return s, nil
}

// systemSettings are the values that ALTER SYSTEM set. The zero value is ready.
type systemSettings struct {
	mu     sync.Mutex
	values map[string]string
}

func (y *systemSettings) load(values map[string]string) { y.values = values }

func (y *systemSettings) get(name string) (string, bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	v, ok := y.values[name]
	if !ok {
		v = systemSettingList[name].def
	}
	return v, ok
}

func (y *systemSettings) number(name string) int {
	v, _ := y.get(name)
	n, _ := strconv.Atoi(v)
	return n
}

// put changes a value; deflt: it has none any more.
func (y *systemSettings) put(name, value string, deflt bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	next := maps.Clone(y.values)
	if next == nil {
		next = map[string]string{}
	}
	if delete(next, name); !deflt {
		next[name] = value
	}
	y.values = next
}

// sessionDefaults are the values for new sessions; not to be changed.
func (y *systemSettings) sessionDefaults() map[string]string {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.values
}

// apply makes the values count that are not looked up when they are needed. The
// interval between checkpoints is checkpoint_frequency barriers.
func (y *systemSettings) apply(db *DB) {
	barrier, sync := db.opts.BarrierInterval, db.opts.CheckpointInterval
	if n := y.number("barrier_interval_ms"); n > 0 {
		barrier = time.Duration(n) * time.Millisecond
	}
	if n := y.number("checkpoint_frequency"); n > 0 {
		sync = time.Duration(n) * barrier
	}
	db.coord.SetIntervals(barrier, sync)
	stuck := time.Duration(-1)
	if n := y.number("checkpoint_timeout_ms"); n > 0 {
		stuck = time.Duration(n) * time.Millisecond
	}
	db.coord.SetStuckAfter(stuck)
}

// alterSystem is ALTER SYSTEM SET name TO value: durable, and for all.
func (s *Session) alterSystem(ctx context.Context, a *ast.AlterSystem) error {
	name := strings.ToLower(a.Name)
	if name == "test_clock" {
		return s.alterClock(ctx, a)
	}
	check, known := systemSettingList[name]
	if !known {
		def, err := findSetting(name)
		if err != nil {
			return err
		}
		if def.readOnly {
			return sqlerr.New("55P02", "parameter \"%s\" cannot be changed", def.name)
		}
		check = systemSetting{check: def.check, noted: def.noted}
	}
	_, deflt := a.Value.(*ast.Default)
	value := settingText(a.Value)
	var err error
	if !deflt && check.check != nil {
		if value, err = check.check(value); err != nil {
			e := sqlerr.From(err)
			e.Msg = strings.ReplaceAll(e.Msg, "%name", name)
			return e
		}
	}
	kv := storage.KV{Key: []byte(systemPrefix + name)}
	if !deflt {
		kv.Value = []byte(value)
	}
	err = s.db.coord.CommitMeta(func() ([]storage.KV, error) { return []storage.KV{kv}, nil },
		func() { s.db.system.put(name, value, deflt) })
	if err != nil {
		return err
	}
	s.db.system.apply(s.db)
	if check.noted != "" {
		s.notice("00000", "\"%s\" is accepted and has no effect: %s", name, check.noted)
	}
	return nil
}

// errTooMany makes a creation wait for others.
var errTooMany = sqlerr.New("53400", "too many relations are being created").
	WithHint("See max_concurrent_creating_streaming_jobs.")

// creation is ddl for statements that create a job with a backfill: it waits
// while as many are under way as max_concurrent_creating_streaming_jobs allows.
func (s *Session) creation(ctx context.Context, what string, build func(cat *catalog.Catalog) (*change, error)) error {
	for {
		err := s.ddl(ctx, what, func(cat *catalog.Catalog) (*change, error) {
			c, err := build(cat)
			if err != nil || c == nil {
				return c, err
			}
			if most := s.db.system.number("max_concurrent_creating_streaming_jobs"); most > 0 && s.db.creations() >= most {
				return nil, errTooMany
			}
			return c, nil
		})
		if err != errTooMany {
			return err
		}
		select {
		case <-ctx.Done():
			return cancelled(context.Cause(ctx))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// creations is the number of relations that are being created.
func (db *DB) creations() int {
	n := 0
	for _, o := range db.catalog().Objects() {
		if o.Creating && o.Failed == nil {
			n++
		}
	}
	return n
}
