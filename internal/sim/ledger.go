package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"streamdb/connector"
	"streamdb/types"
	"streamdb/vec"
)

// ledger is the outside that sinks deliver to. It outlives the server, and is
// idempotent by epoch, as a target with transactions is: an epoch that comes
// again must be the same, and changes nothing.
type ledger struct {
	mu    sync.Mutex
	sinks map[string]*delivered
	fault string // the first broken promise; "": none
}

// delivered is what a sink has brought.
type delivered struct {
	last   uint64            // epoch
	epochs map[uint64]string // its changes as text
	sum    map[string]int    // rows and how often they are there
}

func newLedger() *ledger { return &ledger{sinks: map[string]*delivered{}} }

// def is the connector of a ledger.
func (l *ledger) def(name string) (*connector.Def, bool) {
	if name != "ledger" {
		return nil, false
	}
	return &connector.Def{
		Name: "ledger",
		OpenSink: func(_ context.Context, cfg connector.Config) (connector.Sink, error) {
			return &ledgerSink{l, cfg.Name, cfg.Schema}, nil
		},
	}, true
}

type ledgerSink struct {
	l      *ledger
	name   string
	schema types.Schema
}

func (*ledgerSink) Close() error { return nil }

// Write takes an epoch over. Nothing is lost with a ledger: what is wrong with a
// delivery is noted, for the one who checks.
func (s *ledgerSink) Write(_ context.Context, epoch uint64, cols []vec.Vec, ops []int8, n int) error {
	var text strings.Builder
	rows := make([]string, n)
	for i := range n {
		parts := make([]string, len(cols))
		for c, v := range cols {
			parts[c] = "NULL"
			if !v.Null(i) {
				parts[c] = types.Format(s.schema[c].Type, v.Datum(i), nil)
			}
		}
		rows[i] = strings.Join(parts, "|")
		fmt.Fprintf(&text, "%+d %s\n", ops[i], rows[i])
	}
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	d := s.l.sinks[s.name]
	if d == nil {
		d = &delivered{epochs: map[uint64]string{}, sum: map[string]int{}}
		s.l.sinks[s.name] = d
	}
	if before, again := d.epochs[epoch]; again {
		if before != text.String() {
			s.l.broken("sink %s delivered epoch %d again, as\n%sbut before it was\n%s", s.name, epoch, text.String(), before)
		}
		return nil
	}
	if epoch < d.last {
		s.l.broken("sink %s delivered epoch %d after epoch %d", s.name, epoch, d.last)
	}
	d.last, d.epochs[epoch] = epoch, text.String()
	for i, row := range rows {
		d.sum[row] += int(ops[i])
		if d.sum[row] == 0 {
			delete(d.sum, row)
		} else if d.sum[row] < 0 {
			s.l.broken("sink %s deleted a row in epoch %d that it had not delivered: %s", s.name, epoch, row)
		}
	}
	return nil
}

// broken notes a broken promise; the lock is held.
func (l *ledger) broken(format string, args ...any) {
	if l.fault == "" {
		l.fault = fmt.Sprintf(format, args...)
	}
}

// clone is the ledger as it is; the lock is held.
func (l *ledger) clone() *ledger {
	out := newLedger()
	out.fault = l.fault
	for name, d := range l.sinks {
		out.sinks[name] = &delivered{d.last, maps.Clone(d.epochs), maps.Clone(d.sum)}
	}
	return out
}

// rows is the sum of what a sink delivered, sorted, and the fault, if any.
func (l *ledger) rows(name string) (rows []string, fault string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := l.sinks[name]; d != nil {
		for row, n := range d.sum {
			for range n {
				rows = append(rows, row)
			}
		}
	}
	slices.Sort(rows)
	return rows, l.fault
}
