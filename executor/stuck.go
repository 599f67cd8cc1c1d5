package executor

import (
	"slices"
	"time"

	"streamdb/stream"
)

// How often the tasks are looked at to find who holds an epoch up: what a task
// does changes from one moment to the next.
const (
	culpritLooks = 20
	culpritPause = 5 * time.Millisecond
)

// culprits names the jobs that hold up an epoch whose awaited tasks have not
// acked it: those that are busy in an operator while nobody above them is
// awaited, or only such as wait for room in an edge. It takes 100 ms.
func (g *Graph) culprits(awaited []stream.TaskID) []stream.JobID {
	seen := map[stream.JobID]int{}
	most := 0
	for range culpritLooks {
		for id := range g.busiest(awaited) {
			seen[id]++
			most = max(most, seen[id])
		}
		time.Sleep(culpritPause)
	}
	var out []stream.JobID
	for id, n := range seen {
		if n >= (most+1)/2 {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// busiest is one look.
func (g *Graph) busiest(awaited []stream.TaskID) map[stream.JobID]bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	waits := map[stream.JobID]bool{} // jobs with awaited tasks -> one of them works
	for _, id := range awaited {
		waits[id.Job] = waits[id.Job] || g.worksLocked(id)
	}
	found := map[stream.JobID]bool{}
	visited := map[stream.JobID]bool{}
	var visit func(id stream.JobID)
	visit = func(id stream.JobID) {
		works, awaits := waits[id]
		if visited[id] || !awaits {
			return
		}
		visited[id] = true
		if works {
			found[id] = true
			return
		}
		for other, j := range g.jobs { // it waits for the room that a reader of it would make
			if slices.Contains(j.plan.Upstreams(), id) {
				visit(other)
			}
		}
	}
	for id := range waits {
		if j := g.jobs[id]; j == nil || !slices.ContainsFunc(j.plan.Upstreams(), func(up stream.JobID) bool { _, awaits := waits[up]; return awaits }) {
			visit(id)
		}
	}
	return found
}

func (g *Graph) worksLocked(id stream.TaskID) bool {
	works := func(j *runningJob) bool {
		if j.plan.Job != id.Job || id.Fragment >= len(j.fragments) || id.Instance >= len(j.fragments[id.Fragment]) {
			return false
		}
		t := j.fragments[id.Fragment][id.Instance]
		phase := taskPhase(t.gauge.phase.Load())
		return t.started.Load() && (phase == working || phase == starting)
	}
	for j := range g.leaving {
		if works(j) {
			return true
		}
	}
	return g.jobs[id.Job] != nil && works(g.jobs[id.Job])
}
