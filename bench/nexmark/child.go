package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"time"

	"streamdb/bench/internal/report"
	"streamdb/engine"
)

// spec is one measurement, for a process of its own.
type spec struct {
	Query       string
	Loop        bool   // the hand-written loop, not the server
	View        bool   // into a view, not into a sink
	Checkpoint  string // interval; "off"
	Parallelism int
	Cores       int // that the process may use; -1: all
	Events      int64
	Generator   map[string]string // further options of the sources
	Set         string
	Limit       time.Duration
	Profile     string // file; "": none
	Sum         bool   // of a view: ask for its rows and the sum over them, in the end
}

// outcome is what it found.
type outcome struct {
	Metrics map[string]float64
	Note    string
	Rows    int64
	Sum     int64
}

// inChild runs a measurement in a process of its own: this program again.
func inChild(s spec) (*outcome, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	arg, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-child", string(arg))
	cmd.Stderr = os.Stderr
	var answer bytes.Buffer
	cmd.Stdout = &answer
	if err := onCores(s.Cores, cmd.Start); err != nil {
		return nil, err
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Query, err)
	}
	o := &outcome{}
	return o, json.Unmarshal(answer.Bytes(), o)
}

// child is the process of a measurement.
func child(arg string) error {
	var s spec
	if err := json.Unmarshal([]byte(arg), &s); err != nil {
		return err
	}
	o, err := s.measure()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(o)
}

func (s *spec) measure() (*outcome, error) {
	q := find(s.Query)
	if q == nil {
		return nil, fmt.Errorf("there is no query %q", s.Query)
	}
	engine.TuneRuntime(engine.DefaultMemoryLimit()) // as the server does
	if s.Profile != "" {
		f, err := os.Create(s.Profile)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, err
		}
		defer pprof.StopCPUProfile()
	}
	o := &outcome{Metrics: map[string]float64{}}
	var err error
	if s.Loop {
		err = s.measureLoop(q, o)
	} else {
		err = s.measureServer(q, o)
	}
	o.Metrics["peak_rss_bytes"] = float64(report.PeakRSS())
	return o, err
}

// ring is the number of blocks made before the loop handles them: more than a
// cache holds.
const ring = 64

// measureLoop times the making of the columns and the loop over them, in events
// (of all kinds) per second of CPU.
func (s *spec) measureLoop(q *query, o *outcome) error {
	f, err := newFeed(s.Events, s.Generator, q.reads)
	if err != nil {
		return err
	}
	one := &slotOf{}
	begun := cpuTime()
	for more := true; more && err == nil; {
		more, err = f.fill(one)
	}
	if err != nil {
		return err
	}
	o.Metrics["gen_events_per_cpu_second"] = float64(s.Events) / (cpuTime() - begun).Seconds()
	l, took, err := s.runLoop(q)
	if err != nil {
		return err
	}
	rows, sum := l.finish()
	o.Metrics["loop_events_per_cpu_second"] = float64(s.Events) / took.Seconds()
	o.Metrics["results_per_event"] = float64(rows) / float64(s.Events)
	o.Metrics["result_sum"] = float64(sum)
	return nil
}

// runLoop runs the loop over all events and returns its CPU time without that of
// making them.
func (s *spec) runLoop(q *query) (loop, time.Duration, error) {
	f, err := newFeed(s.Events, s.Generator, q.reads)
	if err != nil {
		return nil, 0, err
	}
	var took time.Duration
	blocks := make([]slotOf, ring)
	l := q.loop()
	for more := true; more; {
		n := 0
		for n < ring && more {
			if more, err = f.fill(&blocks[n]); err != nil {
				return nil, 0, err
			}
			if more {
				n++
			}
		}
		begun := cpuTime()
		for i := range n {
			l.add(&blocks[i].block)
		}
		took += cpuTime() - begun
	}
	runtime.KeepAlive(l)
	return l, took, nil
}
