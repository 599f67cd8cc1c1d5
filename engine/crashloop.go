package engine

import (
	"encoding/json"
	"fmt"
	"time"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
)

// This file keeps one job from keeping the database down. A panic ends its job
// alone, but some things end the process: memory, the stack. A job that does so
// whenever it runs would do it at each start. So starts that get nowhere are
// counted. After some of them jobs are started one by one, and the store is told
// before each which one it is: a job under which the process died again and again
// is not started any more, but marked as FAILED. ALTER .. RESUME tries it again.

const (
	// startEpochs after a start show that it got somewhere: one is made by opening,
	// two more by closing.
	startEpochs = 3
	// hastyStarts are the starts in a row that got nowhere before jobs are started
	// one by one.
	hastyStarts = 3
	// fatalStarts are those under one and the same job before it is given up.
	fatalStarts = 3
)

// startNote is what the store knows of starts that got nowhere.
type startNote struct {
	Epoch  uint64             `json:"epoch"`            // at the last start
	Starts int                `json:"starts"`           // in a row
	Trying catalog.ID         `json:"trying,omitempty"` // the job that was being started; 0: none alone
	Died   map[catalog.ID]int `json:"died,omitempty"`   // starts that ended there
}

// starts is what a DB does about it.
type starts struct {
	db   *DB
	note startNote
	hook func(o *catalog.Object) // for tests: runs before each job is started
}

const startKey = "start"

// begin notes that a start begins; last is the note of the one before, if any.
func (s *starts) begin(last []byte) error {
	if last != nil {
		_ = json.Unmarshal(last, &s.note) // of an unreadable note nothing follows
	}
	now := uint64(s.db.store.Visible())
	if now >= s.note.Epoch+startEpochs {
		s.note = startNote{}
	}
	if id := s.note.Trying; id != 0 {
		if s.note.Died == nil {
			s.note.Died = map[catalog.ID]int{}
		}
		s.note.Died[id]++
	}
	s.note.Epoch, s.note.Trying = now, 0
	s.note.Starts++
	return s.write()
}

func (s *starts) write() error {
	b, err := json.Marshal(&s.note)
	if err != nil {
		return err
	}
	return s.db.store.CommitMeta([]storage.KV{{Key: []byte(startKey), Value: b}})
}

// fatal lists the jobs that are not to be started, with the reason.
func (s *starts) fatal(cat *catalog.Catalog) map[catalog.ID]*catalog.Failure {
	marks := map[catalog.ID]*catalog.Failure{}
	stopped := uint64(s.db.store.Visible())
	for id, n := range s.note.Died {
		o := cat.ByID(id)
		if o == nil || n < fatalStarts || !o.Runs() || o.Failed != nil {
			continue
		}
		f := &catalog.Failure{Code: sqlerr.SystemError, Epoch: stopped, Stopped: stopped,
			Msg: fmt.Sprintf("the server died %d times in a row while the job was started", n)}
		for _, r := range needersTree(cat, id) {
			if r.Failed == nil && marks[r.ID] == nil {
				mark := *f
				if r.ID != id {
					mark.With, mark.Msg = id, fmt.Sprintf("%s %s, which it reads, failed: %s", o.Kind, o.Name, f.Msg)
				}
				marks[r.ID] = &mark
			}
		}
		s.db.log.Error("a job is not started", "job", o.Name, "err", f.Msg)
		delete(s.note.Died, id)
	}
	return marks
}

// careful reports whether jobs are to be started one by one.
func (s *starts) careful() bool { return s.note.Starts > hastyStarts }

// starting is called before a job is started.
func (s *starts) starting(id stream.JobID) {
	o := s.db.catalog().ByID(catalog.ID(id))
	if o == nil {
		return
	}
	if s.careful() {
		s.db.log.Warn("starting a job alone: the last starts got nowhere", "job", o.Name, "starts", s.note.Starts)
		s.try(o.ID)
	}
	if s.hook != nil {
		s.hook(o)
	}
}

// started is called when all jobs are.
func (s *starts) started() {
	if s.careful() {
		s.try(0)
	}
}

// try notes which job is being started; the one before has not ended the process.
func (s *starts) try(id catalog.ID) {
	if last := s.note.Trying; last != 0 {
		delete(s.note.Died, last)
	}
	s.note.Trying = id
	if err := s.write(); err != nil {
		s.db.log.Error("start of a job not noted", "job", id, "err", err)
	}
}

// startPatience is how long a job gets, when jobs are started one by one, to show
// what it does.
const startPatience = 300 * time.Millisecond
