package engine_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"streamdb/catalog"
	"streamdb/engine"
	"streamdb/storage"
	"streamdb/types"
)

// damagedStore is a closed database that a test changes behind its back.
type damagedStore struct {
	t     *testing.T
	store *storage.Store
	byKey map[string]*catalog.Object
}

// damage changes the stored rows of a closed database, in an epoch of its own.
func damage(t *testing.T, dir string, change func(d *damagedStore) []*storage.Delta) {
	t.Helper()
	store, err := storage.Open(storage.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	d := &damagedStore{t: t, store: store, byKey: map[string]*catalog.Object{}}
	err = store.MetaScan([]byte("object/"), func(_, value []byte) (bool, error) {
		o := &catalog.Object{}
		err := json.Unmarshal(value, o)
		d.byKey[o.Name] = o
		return true, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Commit(storage.CommitReq{Epoch: store.Visible() + 1, Time: store.OpenTime(), Deltas: change(d), Sync: true}); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// first gives a table's first row to change.
func (d *damagedStore) first(name string, change func(table storage.StateTable, o *catalog.Object, v storage.VNode, key, value []byte)) *storage.Delta {
	d.t.Helper()
	o := d.byKey[name]
	if o == nil {
		d.t.Fatalf("there is no %s", name)
	}
	table := d.store.OpenTable(o.Rows.Table, storage.AllVNodes)
	defer table.Close()
	n := 0
	err := table.ScanAll(func(v storage.VNode, key, value []byte) (bool, error) {
		n++
		change(table, o, v, bytes.Clone(key), bytes.Clone(value))
		return false, nil
	})
	if err != nil || n == 0 {
		d.t.Fatalf("%d rows of %s, %v", n, name, err)
	}
	return table.Seal(d.store.Visible() + 1)
}

// TestDamageIsFound makes what is stored wrong, a way at a time, and asks CHECK in
// the running database and CheckDir over the closed one.
func TestDamageIsFound(t *testing.T) {
	garble := func(name string) func(d *damagedStore) []*storage.Delta {
		return func(d *damagedStore) []*storage.Delta {
			return []*storage.Delta{d.first(name, func(table storage.StateTable, _ *catalog.Object, v storage.VNode, key, value []byte) {
				table.Put(v, key, value[:len(value)-1])
			})}
		}
	}
	for _, c := range []struct {
		name          string
		change        func(d *damagedStore) []*storage.Delta
		check         string // the statement that finds it
		shows         string
		says          string // of CheckDir
		select_, code string
	}{
		{
			name: "a view with another row", check: "check materialized view totals",
			change: func(d *damagedStore) []*storage.Delta {
				return []*storage.Delta{d.first("totals", func(table storage.StateTable, o *catalog.Object, v storage.VNode, key, value []byte) {
					table.Put(v, key, storage.AppendDatums(nil, []types.Layout{types.LInt64, types.LInt64, types.LInt64}, []types.Datum{types.IntDatum(2), types.IntDatum(77), types.IntDatum(7)}))
				})}
			},
			shows: "-1|2|20|1980\n1|2|77|7", says: "totals: 1 rows (2, 77, 7) are not in its query",
		},
		{
			name: "a view without a row", check: "check materialized view totals",
			change: func(d *damagedStore) []*storage.Delta {
				return []*storage.Delta{d.first("totals", func(table storage.StateTable, _ *catalog.Object, v storage.VNode, key, _ []byte) {
					table.Delete(v, key)
				})}
			},
			shows: "-1|", says: "of its query are missing",
		},
		{
			name: "an index without a row", check: "check index t_k", says: "index public.t_k: 1 rows (2, ",
			change: func(d *damagedStore) []*storage.Delta {
				return []*storage.Delta{d.first("t_k", func(table storage.StateTable, _ *catalog.Object, v storage.VNode, key, _ []byte) {
					table.Delete(v, key)
				})}
			},
			shows: `of "t" are missing`,
		},
		{
			name: "a row that is cut off", check: "check table t", change: garble("t"),
			shows: "a stored row is ", says: "table public.t: row at table ", select_: "select * from t", code: "XX001",
		},
		{
			name: "a row under another key", check: "check table t", says: "its values make the key ",
			change: func(d *damagedStore) []*storage.Delta {
				return []*storage.Delta{d.first("t", func(table storage.StateTable, _ *catalog.Object, v storage.VNode, key, value []byte) {
					table.Delete(v, key)
					key[len(key)-1] += 100
					table.Put(v, key, value)
				})}
			},
			shows: "its values make the key ",
		},
		{
			name: "a row in another vnode", check: "check table t", says: "its values belong to vnode ",
			change: func(d *damagedStore) []*storage.Delta {
				return []*storage.Delta{d.first("t", func(table storage.StateTable, _ *catalog.Object, v storage.VNode, key, value []byte) {
					table.Delete(v, key)
					table.Put(v+1, key, value)
				})}
			},
			shows: "its values belong to vnode ",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s := serve(t, engine.Options{DataDir: dir, Parallelism: 2})
			conn := s.connect(t)
			if a := lawExec(t.Context(), conn, `create table t (id int primary key, k int, v int);
				insert into t select x, x % 5, 2 * x from generate_series(1, 100) x;
				create materialized view totals as select k, count(*) as n, sum(v) as v from t group by k;
				create index t_k on t (k)`); a.code != "" {
				t.Fatal(a.code, a.message)
			}
			if err := s.stop(); err != nil {
				t.Fatal(err)
			}
			if n, report := checkDir(t, dir); n != 0 {
				t.Fatalf("before the damage:\n%s", report)
			}
			damage(t, dir, c.change)
			if n, report := checkDir(t, dir); n == 0 || !strings.Contains(report, c.says) {
				t.Errorf("streamdb check finds %d problems:\n%swithout %q", n, report, c.says)
			}
			if err := s.start(t.Context()); err != nil {
				t.Fatal(err)
			}
			conn = s.connect(t)
			got := lawExec(t.Context(), conn, c.check)
			if got.code != "" {
				t.Fatal(c.check, got.code, got.message)
			}
			if rows := strings.Join(lawRows(got.results[0], false), "\n"); !strings.Contains(rows, c.shows) {
				t.Errorf("%s gives\n%s\nwithout %q", c.check, rows, c.shows)
			}
			if c.select_ != "" {
				if got := lawExec(t.Context(), conn, c.select_); got.code != c.code {
					t.Errorf("%s: %s %s, want %s", c.select_, got.code, got.message, c.code)
				}
			}
		})
	}
}

// checkDir is what streamdb check says.
func checkDir(t *testing.T, dir string) (problems int, report string) {
	t.Helper()
	var out bytes.Buffer
	problems, err := engine.CheckDir(t.Context(), dir, 0, &out)
	if err != nil {
		t.Fatal(err)
	}
	return problems, out.String()
}

// TestDamagedFile: a table file that is not what was written is named, by every
// read that meets it and by streamdb check.
func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, engine.Options{DataDir: dir})
	if a := lawExec(t.Context(), s.connect(t), `create table t (id int primary key, v varchar);
		insert into t select x, md5(x::varchar) || md5((-x)::varchar) from generate_series(1, 100000) x`); a.code != "" {
		t.Fatal(a.code, a.message)
	}
	if _, err := engine.CheckDir(t.Context(), dir, 0, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("while the server runs: %v", err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	var hit []string
	names := func(text string) bool {
		return slices.ContainsFunc(hit, func(f string) bool { return strings.Contains(text, f) })
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) < 1<<20 {
			continue
		}
		hit = append(hit, f)
		b[len(b)/2] ^= 1
		if err := os.WriteFile(f, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if len(hit) == 0 {
		t.Fatal("no large file")
	}
	if n, report := checkDir(t, dir); n == 0 || !strings.Contains(report, "PROBLEM  file ") || !names(report) {
		t.Errorf("streamdb check finds %d problems:\n%s", n, report)
	}
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := lawExec(t.Context(), s.connect(t), "select count(v) from t")
	if got.code != "XX001" || !names(got.message) {
		t.Errorf("%s %s", got.code, got.message)
	}
	got = lawExec(t.Context(), s.connect(t), "check table t")
	if got.code != "" {
		t.Fatal(got.code, got.message)
	}
	if rows := strings.Join(lawRows(got.results[0], false), "\n"); !names(rows) {
		t.Errorf("check table t gives\n%s", rows)
	}
	got = lawExec(t.Context(), s.connect(t), "select file, error from streamdb.damaged_files where found > '2000-01-01'")
	if rows := strings.Join(lawRows(got.results[0], false), "\n"); !names(rows) {
		t.Errorf("streamdb.damaged_files has %s", rows)
	}
}

// TestDamagedState: a job that reads damaged state of its own fails, alone and with
// XX001; tables and other views go on.
func TestDamagedState(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, engine.Options{DataDir: dir, Parallelism: 2})
	if a := lawExec(t.Context(), s.connect(t), `create table t (id int primary key, k int, v int);
		insert into t select x, x % 5, 2 * x from generate_series(1, 100) x;
		create materialized view totals as select k, count(*) as n, max(v) as v from t group by k;
		create materialized view over_totals as select count(*) as n from totals;
		create materialized view other as select k, sum(v) as v from t group by k`); a.code != "" {
		t.Fatal(a.code, a.message)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	damage(t, dir, func(d *damagedStore) (deltas []*storage.Delta) {
		o := d.byKey["totals"]
		for _, id := range o.StateTables {
			if id == o.Rows.Table.ID {
				continue
			}
			table := d.store.OpenTable(storage.TableDef{ID: id}, storage.AllVNodes)
			err := table.ScanAll(func(v storage.VNode, key, value []byte) (bool, error) {
				if len(value) > 2 {
					table.Put(v, key, value[:len(value)/2])
				}
				return true, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if delta := table.Seal(d.store.Visible() + 1); delta != nil {
				deltas = append(deltas, delta)
			}
			table.Close()
		}
		if len(deltas) == 0 {
			t.Fatal("the view has no state")
		}
		return deltas
	})
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn := s.connect(t)
	lawExec(t.Context(), conn, "update t set v = v + 1")
	for _, c := range []struct{ sql, code, rows string }{
		{"select name, error_code from streamdb.jobs where state = 'FAILED'", "", "over_totals|XX001\ntotals|XX001"},
		{"select * from totals", "55000", ""},
		{"select count(*) from other", "", "5"},
		{"select count(*) from t where v % 2 = 1", "", "100"},
		{"check materialized view other", "", ""},
	} {
		got := lawExec(t.Context(), conn, c.sql)
		rows := ""
		if got.code == "" {
			rows = strings.Join(lawRows(got.results[0], false), "\n")
		}
		if got.code != c.code || rows != c.rows {
			t.Errorf("%s: %s %s\n%s", c.sql, got.code, got.message, rows)
		}
	}
}
