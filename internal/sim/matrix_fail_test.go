package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// failures are what each change of parallelism is mixed with.
var failures = []struct {
	name string
	fail func(m *matrix)
}{
	{"operator", (*matrix).failOperator},
	{"crash", (*matrix).failServer},
	{"sink", (*matrix).failSink},
	{"source", (*matrix).failSource},
	{"timeout", (*matrix).failTimeout},
}

// giveUpSoon makes jobs fail that hold an epoch up. On a machine that is busy with
// other work no healthy job may take so long: a sink could not be resumed.
const giveUpSoon = "alter system set checkpoint_timeout_ms = 1000"

// poison makes new records harmful and waits until one has been read.
func (m *matrix) poison(p poison) {
	m.t.Helper()
	m.source.set(func() { m.source.poison, m.source.poisoned = p, false })
	m.soon("nobody reads", func() error {
		m.source.mu.Lock()
		defer m.source.mu.Unlock()
		if !m.source.poisoned {
			return errors.New("no poisoned record was read")
		}
		return nil
	})
}

// stall makes a task stuck where this database times out, so that what follows
// meets an epoch that waits.
func (m *matrix) stall(p poison) {
	m.t.Helper()
	if m.timedOut {
		p.stay = true
		m.must(giveUpSoon)
	}
	if p != (poison{}) {
		m.poison(p)
		time.Sleep(time.Duration(m.rng.IntN(60)) * time.Millisecond)
	}
}

// failed waits until a job has failed with a code.
func (m *matrix) failed(job, code string) {
	m.t.Helper()
	m.soon(job+" does not fail", func() error {
		rows, err := m.try(fmt.Sprintf("select error_code from streamdb.jobs where name = '%s' and state = 'FAILED'", job))
		if err == nil && (len(rows) != 1 || rows[0] != code) {
			others, _ := m.try("select name, state, error_code from streamdb.jobs where state <> 'RUNNING'")
			err = fmt.Errorf("its error is %v; jobs that do not run: %v", rows, others)
		}
		return err
	})
}

// gaveUp waits until the epoch that a stuck task holds up has been given up.
func (m *matrix) gaveUp() {
	m.t.Helper()
	if m.timedOut {
		m.failed("slow", "57014")
	}
}

func (m *matrix) failOperator() {
	m.stall(poison{fail: true})
	m.failed("fragile", "22012")
	m.gaveUp()
	m.changeUnder()
}

func (m *matrix) failServer() {
	m.stall(poison{})
	if m.byAlter && m.rng.IntN(2) == 0 { // in the middle of the change
		old := m.conn
		var altering sync.WaitGroup
		altering.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			for _, job := range []string{"source nums", "source more", "materialized view keyed", "sink merged"} {
				_, _ = query(ctx, old, fmt.Sprintf("alter %s set parallelism = %d", job, m.to))
			}
		})
		time.Sleep(time.Duration(m.rng.IntN(60)) * time.Millisecond)
		defer altering.Wait()
	}
	level := m.to
	if m.byAlter {
		level = m.level
	}
	m.crash(level)
}

func (m *matrix) failSink() {
	m.stall(poison{})
	var failed atomic.Int64
	m.arrivals.mu.Lock()
	m.arrivals.fault = func(_ string, before bool) error {
		if failed.Add(1)%2 == 0 == before { // half of them take the epoch and do not say so
			return errors.New("a sink that fails")
		}
		return nil
	}
	m.arrivals.mu.Unlock()
	m.gaveUp()
	m.soon("no sink fails", func() error {
		if failed.Load() < 4 {
			return errors.New("no delivery")
		}
		return nil
	})
	m.changeUnder()
}

func (m *matrix) failSource() {
	m.source.set(func() {
		for _, split := range []string{"nums1", "nums4", "more0", "latest2"} {
			m.source.errs[split] = 1
		}
	})
	m.stall(poison{})
	if m.rng.IntN(2) == 0 {
		m.gaveUp()
	}
	m.source.set(func() { m.source.panics = true })
	m.failed("nums", "XX000")
	m.changeUnder()
}

// failTimeout has a stuck task hold an epoch up until it is given up, and where
// epochs are timed out anyway again, when it has been resumed.
func (m *matrix) failTimeout() {
	m.must(giveUpSoon)
	m.poison(poison{stay: true})
	m.failed("slow", "57014")
	if m.timedOut {
		m.must("set background_ddl = true")
		m.soon("slow is not resumed", func() error {
			_, err := m.try("alter materialized view slow resume")
			if err != nil { // what it reads was given up with it
				err = errors.Join(err, m.resume("slow"))
			}
			return err
		})
		m.must("set background_ddl = false")
		m.failed("slow", "57014")
	}
	m.changeUnder()
}

// heal takes the causes away and resumes what has failed.
func (m *matrix) heal() {
	m.t.Helper()
	m.source.set(func() {
		m.source.poison, m.source.panics = poison{}, false
		clear(m.source.errs)
	})
	m.arrivals.mu.Lock()
	m.arrivals.fault = nil
	m.arrivals.mu.Unlock()
	m.must("alter system set checkpoint_timeout_ms = 600000")
	m.soon("jobs are down", func() error { return m.resume("") })
}

// resume resumes all jobs but one, upstreams first. An error: not all ran before.
func (m *matrix) resume(but string) error {
	down := m.must("select kind || ' ' || name from streamdb.jobs where state = 'FAILED' and name <> '" + but + "' order by id")
	for _, job := range down {
		if _, err := m.try("alter " + job + " resume"); err != nil && pgError(err) != "55000" {
			return err
		}
	}
	if len(down) > 0 {
		return fmt.Errorf("%v", down)
	}
	return nil
}
