package storage

import (
	"testing"
	"time"

	"streamdb/stream"
)

// TestProgress: commits have one order, epochs of jobs another one; a snapshot is
// given with what it holds of a job, and jobs' times are those of their own epochs,
// until somebody commits who does not know them.
func TestProgress(t *testing.T) {
	fs := NewMemFS()
	s, err := Open(Options{Dir: "db", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.Close() }()
	var early, late Progress
	early.Begin(0)
	late.Begin(0)
	at := func(minute int) time.Time { return time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC) }
	commit := func(req CommitReq) {
		t.Helper()
		if _, err := s.Commit(req); err != nil {
			t.Fatal(err)
		}
	}
	jobTime := func(job stream.JobID, want time.Time) {
		t.Helper()
		snap := s.Snapshot()
		defer snap.Close()
		if got, err := JobTime(snap, job); err != nil || !got.Equal(want) {
			t.Errorf("job %d is as of %v, want %v (%v)", job, got, want, err)
		}
	}
	jobTime(1, time.UnixMicro(0))
	// Epoch 2 is committed first, with its own number; epoch 1 then gets 3.
	commit(CommitReq{Epoch: 2, Of: 2, Jobs: []*Progress{&late}, Time: at(2), Times: map[stream.JobID]time.Time{2: at(2)}})
	before, n := s.SnapshotAt(&early)
	defer before.Close()
	commit(CommitReq{Epoch: 3, Of: 1, Jobs: []*Progress{&early}, Time: at(2), Times: map[stream.JobID]time.Time{2: at(2), 1: at(1)}})
	if n != 0 || before.Epoch() != 2 {
		t.Errorf("commit %d holds epoch %d of the slow job", before.Epoch(), n)
	}
	after, n := s.SnapshotAt(&early)
	defer after.Close()
	if n != 1 || after.Epoch() != 3 || late.Epoch() != 2 {
		t.Errorf("commit %d holds epochs %d and %d", after.Epoch(), n, late.Epoch())
	}
	jobTime(1, at(1))
	jobTime(2, at(2))
	jobTime(3, at(2)) // the time says nothing about its rows
	before.Close()
	after.Close()

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(Options{Dir: "db", FS: fs}); err != nil {
		t.Fatal(err)
	}
	jobTime(1, at(1))
	commit(CommitReq{Epoch: 4, Time: at(5)}) // as a version does that knows no islands
	jobTime(1, at(5))
}
