package checkpoint

import (
	"testing"
	"testing/synctest"
	"time"

	"streamdb/storage"
	"streamdb/stream"
)

// TestThrottled: rows may enter the next epoch for a while, but not without
// bound, while an epoch is not committed.
func TestThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, err := storage.Open(storage.Options{Dir: "db", FS: storage.NewMemFS()})
		if err != nil {
			t.Fatal(err)
		}
		c := New(Options{Store: store})
		task := stream.TaskID{Job: 1}
		m := c.AddJob(1, []stream.TaskID{task}, nil)
		c.Start()
		ticket := c.Submit(Request{})
		synctest.Wait()
		if m.Throttled() {
			t.Error("throttled at once")
		}
		time.Sleep(longestEpoch + time.Millisecond)
		if !m.Throttled() {
			t.Error("not throttled although an epoch waits for its acks")
		}
		n := c.InFlight()[0].Epoch
		c.Ack(task, n, nil)
		if _, err := ticket.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if m.Throttled() {
			t.Error("throttled after the commit")
		}
		big := int(c.opts.DirtyLimit)
		m.AddDirty(big)
		if m.Throttled() {
			t.Error("throttled although a barrier can come at once")
		}
		c.Submit(Request{})
		synctest.Wait()
		if !m.Throttled() {
			t.Error("not throttled although there is more to be committed than there should be")
		}
		m.AddDirty(-big)
		if m.Throttled() {
			t.Error("throttled with little to be committed")
		}
		c.Ack(task, c.InFlight()[0].Epoch, nil)
		c.RemoveJob(1, nil)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestAttach: attached entries are in the very next commit.
func TestAttach(t *testing.T) {
	store, err := storage.Open(storage.Options{Dir: "db", FS: storage.NewMemFS()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	c := New(Options{Store: store})
	c.Start()
	defer c.Close()
	c.Attach([]storage.KV{{Key: []byte("k"), Value: []byte("v")}})
	if _, err := c.Submit(Request{}).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v, err := store.MetaGet([]byte("k")); err != nil || string(v) != "v" {
		t.Fatalf("attached entry is %q, %v", v, err)
	}
}
