package checkpoint

import (
	"testing"
	"testing/synctest"

	"streamdb/storage"
	"streamdb/stream"
)

// metaOf reads the meta keyspace of a store.
func metaOf(t *testing.T, s *storage.Store) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := s.MetaScan(nil, func(key, value []byte) (bool, error) {
		out[string(key)] = string(value)
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func kv(key, value string) storage.KV { return storage.KV{Key: []byte(key), Value: []byte(value)} }

// TestCommitMeta: a change of the catalog commits while an epoch waits for an ack,
// together with what was attached before, and is not undone by either.
func TestCommitMeta(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, err := storage.Open(storage.Options{Dir: "db", FS: storage.NewMemFS()})
		if err != nil {
			t.Fatal(err)
		}
		c := New(Options{Store: store})
		task := stream.TaskID{Job: 1}
		c.AddJob(1, []stream.TaskID{task}, nil)
		c.Start()
		held := c.Submit(Request{Meta: func(stream.Epoch) []storage.KV { return []storage.KV{kv("later", "1")} }})
		synctest.Wait()
		c.Attach([]storage.KV{kv("gone", "put by a job that failed")})
		published := false
		err = c.CommitMeta(func() ([]storage.KV, error) {
			return []storage.KV{{Key: []byte("gone")}, kv("now", "1")}, nil
		}, func() { published = true })
		if err != nil || !published {
			t.Fatalf("published %v, %v", published, err)
		}
		if m := metaOf(t, store); m["now"] != "1" || len(m) != 1 {
			t.Errorf("the store has %v", m)
		}
		if since, awaited := c.HeldUp(0); since.IsZero() || len(awaited) != 1 || awaited[0] != task {
			t.Errorf("held up since %v by %v", since, awaited)
		}
		c.Ack(task, c.InFlight()[0].Epoch, nil)
		if _, err := held.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if m := metaOf(t, store); m["now"] != "1" || m["later"] != "1" || len(m) != 2 {
			t.Errorf("afterwards the store has %v", m)
		}
		c.RemoveJob(1, nil)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := c.CommitMeta(func() ([]storage.KV, error) { return nil, nil }, func() {}); err != errClosed {
			t.Errorf("after Close: %v", err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}
