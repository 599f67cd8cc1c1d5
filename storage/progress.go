package storage

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// Progress is how far one job has come: the last of its epochs that is visible.
//
// A commit has a number of its own, CommitReq.Epoch, and holds one epoch of the
// jobs that took part in it: those numbers are of the jobs' island and may be
// lower than the commit's, or than those of commits before it. So whether a
// snapshot holds what a job did in some epoch is a question for SnapshotAt, never
// one of comparing with Snapshot.Epoch.
type Progress struct{ epoch atomic.Uint64 }

// Begin sets where a job begins: after epoch n. No commit knows of it yet.
func (p *Progress) Begin(n stream.Epoch) { p.epoch.Store(uint64(n)) }

// Epoch is the last visible epoch.
func (p *Progress) Epoch() stream.Epoch { return stream.Epoch(p.epoch.Load()) }

// SnapshotAt is Snapshot together with the job's last epoch that it holds.
func (s *Store) SnapshotAt(p *Progress) (Snapshot, stream.Epoch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshotLocked(), p.Epoch()
}

// Jobs' times. The jobs whose rows depend on the time that it is (those with
// alarms) are as of the time of their island's last epoch, which may be before the
// time in the manifest. They are under one key beside the manifest, rewritten with
// every commit while there are such jobs:
//
//	number of the commit (uint64) | per job: id (uint32), time (int64, microseconds since 1970); all little-endian
//
// One of another commit than the manifest's is out of date: a version that knows
// nothing of it wrote since, all of whose jobs are as of the manifest's time.
var timesKey = AppendKey(nil, manifestTable, 0, []byte("times"))

const timesHead, timesEach = 8, 4 + 8

func encodeTimes(commit stream.Epoch, times map[stream.JobID]time.Time) []byte {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, timesHead+timesEach*len(times)), uint64(commit))
	for id, at := range times {
		b = binary.LittleEndian.AppendUint32(b, uint32(id))
		b = binary.LittleEndian.AppendUint64(b, uint64(at.UnixMicro()))
	}
	return b
}

// TimeOf is the time of the last commit that a snapshot shows.
func TimeOf(s Snapshot) (time.Time, error) {
	m, err := manifestOf(s)
	return m.Time, err
}

func manifestOf(s Snapshot) (Manifest, error) {
	b, err := s.Get(manifestTable, 0, manifestKey[keyHead:])
	if err != nil {
		return Manifest{}, err
	}
	return decodeManifest(b)
}

// JobTime is the time as of which a snapshot shows the rows of a job that depend
// on what time it is.
func JobTime(s Snapshot, job stream.JobID) (time.Time, error) {
	m, err := manifestOf(s)
	if err != nil {
		return time.Time{}, err
	}
	b, err := s.Get(manifestTable, 0, timesKey[keyHead:])
	if err != nil || b == nil {
		return m.Time, err
	}
	if len(b) < timesHead || (len(b)-timesHead)%timesEach != 0 {
		return time.Time{}, sqlerr.New(sqlerr.DataCorrupted, "the times of jobs have %d bytes", len(b))
	}
	if binary.LittleEndian.Uint64(b) != uint64(m.Epoch) {
		return m.Time, nil
	}
	for b = b[timesHead:]; len(b) > 0; b = b[timesEach:] {
		if stream.JobID(binary.LittleEndian.Uint32(b)) == job {
			return time.UnixMicro(int64(binary.LittleEndian.Uint64(b[4:]))), nil
		}
	}
	return m.Time, nil
}
