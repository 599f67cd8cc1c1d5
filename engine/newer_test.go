package engine_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"streamdb/engine"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
)

// TestNewerIsRefused: a catalog entry, a plan, an operator or a state table that a
// newer version has stored ends Open with both versions in the error, and no epoch
// is written: the newer version finds all as it was.
func TestNewerIsRefused(t *testing.T) {
	for _, c := range []struct{ name, from, to, says string }{
		{"catalog entry", `"form":1`, `"form":2`, "form 2, this version knows up to 1"},
		{"plan", `"plan":{"v":1,`, `"plan":{"v":2,`, "stored plan has format 2, this version knows up to 1"},
		{"operator", `{"kind":"HashAgg","v":2,`, `{"kind":"HashAgg","v":7,`, "stored plan has operator HashAgg in format 7, this version knows up to 2"},
		{"unknown operator", `{"kind":"HashAgg",`, `{"kind":"QuantumAgg",`, `operator "QuantumAgg", which this version does not know`},
		{"state table", `"name":"rows","format":1`, `"name":"rows","format":3`, `state table "rows" of a stored plan has format 3, this version knows up to 1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := engine.Options{DataDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
			s := serve(t, o)
			if a := lawExec(t.Context(), s.connect(t), `create table t (a int primary key, b int);
				create materialized view v as select b, count(*) as n from t group by b`); a.code != "" {
				t.Fatal(a.code, a.message)
			}
			if err := s.stop(); err != nil {
				t.Fatal(err)
			}
			epoch := rewriteObjects(t, o.DataDir, c.from, c.to)
			for range 2 { // the first one leaves no lock and no trace
				db, err := engine.Open(t.Context(), o)
				if err == nil {
					db.Close(t.Context())
				}
				if sqlerr.Code(err) != sqlerr.FeatureNotSupported || !strings.Contains(fmt.Sprint(err), c.says) {
					t.Errorf("%v, want %q", err, c.says)
				}
			}
			var report bytes.Buffer
			if n, err := engine.CheckDir(t.Context(), o.DataDir, 0, &report); err != nil || n == 0 || !strings.Contains(report.String(), c.says) {
				t.Errorf("streamdb check: %v\n%s", err, report.String())
			}
			if now := rewriteObjects(t, o.DataDir, c.to, c.from); now != epoch+1 {
				t.Errorf("epoch %d after the refusals, %d before", now-1, epoch)
			}
			if err := s.start(t.Context()); err != nil {
				t.Fatal(err)
			}
			conn := s.connect(t)
			lawExec(t.Context(), conn, "insert into t values (1, 1)")
			if got := lawExec(t.Context(), conn, "select * from v"); got.code != "" || len(got.results[0].Rows) != 1 {
				t.Errorf("after all: %s %s", got.code, got.message)
			}
		})
	}
}

// rewriteObjects replaces a piece of text in the stored catalog, in an epoch of its own.
func rewriteObjects(t *testing.T, dir, from, to string) (epoch uint64) {
	t.Helper()
	store, err := storage.Open(storage.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	req := storage.CommitReq{Epoch: store.Visible() + 1, Time: store.OpenTime(), Sync: true}
	err = store.MetaScan([]byte("object/"), func(key, value []byte) (bool, error) {
		if changed := bytes.ReplaceAll(value, []byte(from), []byte(to)); !bytes.Equal(changed, value) {
			req.Meta = append(req.Meta, storage.KV{Key: bytes.Clone(key), Value: changed})
		}
		return true, nil
	})
	if err == nil && len(req.Meta) == 0 {
		t.Fatalf("the catalog does not hold %s", from)
	}
	if err == nil {
		_, err = store.Commit(req)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return uint64(req.Epoch)
}
