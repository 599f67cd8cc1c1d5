package executor

import (
	"context"
	"errors"
	"testing"

	"streamdb/checkpoint"
	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// TestAlterFailed: a job that failed is not started again by an alteration that
// was to stop and start it: what it has not seen since would be lost to it. It
// may fail before the alteration is made, while it waits for its barrier, or at it.
func TestAlterFailed(t *testing.T) {
	broken := errors.New("broken")
	for _, when := range []string{"before", "waiting", "at the barrier"} {
		t.Run(when, func(t *testing.T) {
			r := newRig(t, memStore(t), nil)
			defer r.close()
			f := newFeed()
			r.coord.Start()
			r.start(tablePlan(1, f, 20))
			r.start(viewPlan(2, 1, 21, 2))
			again := Alteration{Stop: []stream.JobID{2}, Start: []*Plan{viewPlan(2, 1, 21, 3)}}
			var err error
			switch when {
			case "before":
				r.coord.FailJob(2, broken)
				_, err = r.graph.Alter(context.Background(), again, checkpoint.Request{})
				if sqlerr.Code(err) != sqlerr.ObjectNotInPrerequisiteState {
					t.Errorf("altering a failed job: %v", err)
				}
			case "waiting":
				injecting, goOn := make(chan struct{}), make(chan struct{})
				first := r.coord.Submit(checkpoint.Request{Before: func(stream.Epoch) error {
					close(injecting)
					<-goOn
					return nil
				}})
				<-injecting
				ticket, serr := r.graph.Submit(again, checkpoint.Request{})
				if serr != nil {
					t.Fatal(serr)
				}
				r.coord.FailJob(2, broken)
				close(goOn)
				if _, err := first.Wait(context.Background()); err != nil {
					t.Error(err)
				}
				if _, err = ticket.Wait(context.Background()); !errors.Is(err, broken) {
					t.Errorf("altering a job that failed meanwhile: %v", err)
				}
			default:
				_, err = r.graph.Alter(context.Background(), again, checkpoint.Request{Before: func(stream.Epoch) error {
					r.coord.FailJob(2, broken)
					return nil
				}})
				if !errors.Is(err, broken) {
					t.Errorf("altering a job that fails: %v", err)
				}
			}
			if r.graph.Running(2) {
				t.Error("the job that failed runs")
			}
			f.push(ints("1"))
			r.flush(1)
			r.want(20, "1x1")
		})
	}
}
