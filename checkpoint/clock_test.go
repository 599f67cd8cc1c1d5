package checkpoint

import (
	"math"
	"testing"
	"time"

	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
)

func TestClockNeverGoesBack(t *testing.T) {
	future := time.Now().Add(time.Hour)
	c := NewClock(future, false, time.Time{})
	if got := c.Now(); got.Before(future.Truncate(time.Microsecond)) {
		t.Errorf("the clock shows %v, before its floor %v", got, future)
	}
	if err := c.Set(future.Add(time.Hour)); sqlerr.Code(err) != sqlerr.ObjectNotInPrerequisiteState {
		t.Errorf("setting the system's clock: %v", err)
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c = NewClock(time.UnixMicro(0), true, start)
	if got := c.Now(); !got.Equal(start) {
		t.Errorf("a clock that stands at %v shows %v", start, got)
	}
	if err := c.Set(start.Add(time.Minute)); err != nil {
		t.Error(err)
	}
	if err := c.Set(start); sqlerr.Code(err) != sqlerr.InvalidParameterValue {
		t.Errorf("setting the clock back: %v", err)
	}
	if got := c.Now(); !got.Equal(start.Add(time.Minute)) {
		t.Errorf("the clock shows %v", got)
	}
}

// openClock opens a coordinator with a clock of its own over a store.
func openClock(t *testing.T, fs storage.FS, start time.Time) (*Coordinator, *Clock, func()) {
	t.Helper()
	store, err := storage.Open(storage.Options{Dir: "db", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	clock := NewClock(store.OpenTime(), true, start)
	c := New(Options{Store: store, Clock: clock, BarrierInterval: time.Millisecond})
	c.Start()
	return c, clock, func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// catcher is a source that acks at once and keeps the barriers.
type catcher struct {
	c        *Coordinator
	id       stream.TaskID
	barriers chan stream.Barrier
}

func (s *catcher) Inject(b stream.Barrier) {
	s.barriers <- b
	s.c.Ack(s.id, b.Epoch, nil)
}

func TestEpochTime(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	fs := storage.NewMemFS()
	c, clock, end := openClock(t, fs, start)
	s := &catcher{c, stream.TaskID{Job: 1}, make(chan stream.Barrier, 10)}
	m := c.AddJob(1, []stream.TaskID{s.id}, []Injector{s})

	// A row that comes before the clock moves gives the whole epoch its time.
	n := c.Next()
	if at := m.EpochTime(n); !at.Equal(start) {
		t.Errorf("epoch %d began at %v", n, at)
	}
	if err := clock.Set(start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Submit(Request{Sync: true}).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b := <-s.barriers; b.Epoch != n || !b.Time.Equal(start) {
		t.Errorf("barrier %d has time %v", b.Epoch, b.Time)
	}
	if _, err := c.Submit(Request{Sync: true}).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b := <-s.barriers; !b.Time.Equal(start.Add(time.Hour)) {
		t.Errorf("barrier %d has time %v", b.Epoch, b.Time)
	}
	end()

	// It goes on there, whatever time the clock is started at.
	c, clock, end = openClock(t, fs, start)
	defer end()
	if at := clock.Now(); !at.Equal(start.Add(time.Hour)) {
		t.Errorf("after a restart the clock shows %v", at)
	}
	if at := c.LastTime(); !at.Equal(start.Add(time.Hour)) {
		t.Errorf("after a restart the last epoch's time is %v", at)
	}
}

// TestAlarm: an idle graph gets a barrier when an alarm is due, and not before.
func TestAlarm(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c, clock, end := openClock(t, storage.NewMemFS(), start)
	defer end()
	s := &catcher{c, stream.TaskID{Job: 1}, make(chan stream.Barrier, 10)}
	m := c.AddJob(1, []stream.TaskID{s.id}, []Injector{s})
	none := func(when string) {
		t.Helper()
		select {
		case b := <-s.barriers:
			t.Errorf("%s: barrier %d", when, b.Epoch)
		case <-time.After(20 * time.Millisecond):
		}
	}
	a := m.NewAlarm()
	a.Set(start.Add(time.Hour).UnixMicro())
	none("not due")
	if err := clock.Set(start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	a.Set(start.Add(time.Hour).UnixMicro()) // no news
	c.ClockSet()
	if b := <-s.barriers; !b.Time.Equal(start.Add(time.Hour)) {
		t.Errorf("the barrier has time %v", b.Time)
	}
	a.Set(math.MaxInt64)
	time.Sleep(5 * time.Millisecond)
	for len(s.barriers) > 0 {
		<-s.barriers
	}
	none("not set")
	a.Set(start.UnixMicro()) // past
	<-s.barriers
	a.Close()
	time.Sleep(5 * time.Millisecond)
	for len(s.barriers) > 0 {
		<-s.barriers
	}
	none("closed")
}

// TestAlarmOfTheSystemClock waits for an alarm in real time.
func TestAlarmOfTheSystemClock(t *testing.T) {
	store, err := storage.Open(storage.Options{Dir: "db", FS: storage.NewMemFS()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	c := New(Options{Store: store, BarrierInterval: time.Millisecond})
	c.Start()
	defer c.Close()
	s := &catcher{c, stream.TaskID{Job: 1}, make(chan stream.Barrier, 100)}
	m := c.AddJob(1, []stream.TaskID{s.id}, []Injector{s})
	a := m.NewAlarm()
	defer a.Close()
	due := time.Now().Add(30 * time.Millisecond)
	a.Set(due.UnixMicro())
	b := <-s.barriers
	a.Set(math.MaxInt64)
	if b.Time.Before(due.Truncate(time.Microsecond)) {
		t.Errorf("the barrier came %v too early", due.Sub(b.Time))
	}
}
