package engine_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"streamdb/engine"
	"streamdb/storage"
)

// TestOpenSaysWhatItCannotRead: a plan that cannot be read is the error of Open, and
// Open returns.
func TestOpenSaysWhatItCannotRead(t *testing.T) {
	s := serve(t, engine.Options{Parallelism: 1})
	c := s.connect(t)
	if _, err := c.Exec(t.Context(), "create table t (a int primary key); create materialized view v as select count(*) from t").ReadAll(); err != nil {
		t.Fatal(err)
	}
	c.Close(t.Context())
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	store, err := storage.Open(storage.Options{Dir: s.options.DataDir})
	if err != nil {
		t.Fatal(err)
	}
	var damaged []storage.KV
	err = store.MetaScan([]byte("object/"), func(key, value []byte) (bool, error) {
		broken := bytes.Replace(value, []byte(`"kind":"HashAgg"`), []byte(`"kind":"HashEgg"`), 1)
		if !bytes.Equal(broken, value) {
			damaged = append(damaged, storage.KV{Key: bytes.Clone(key), Value: broken})
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(damaged) == 0 {
		t.Fatal("no plan has an aggregate: has its form changed?")
	}
	if _, err := store.Commit(storage.CommitReq{Epoch: store.Visible() + 1, Meta: damaged, Sync: true}); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() {
		o := s.options
		o.Log = slog.New(slog.DiscardHandler)
		_, err := engine.Open(context.Background(), o)
		opened <- err
	}()
	select {
	case err := <-opened:
		if err == nil || !strings.Contains(err.Error(), "plan of materialized view v") {
			t.Fatalf("Open returned %v, want an error that names the view", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("Open does not return")
	}
}
