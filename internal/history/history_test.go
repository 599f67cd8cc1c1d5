package history

import (
	"strings"
	"testing"
	"time"
)

func app(key, v int) Op               { return Op{Key: key, Append: true, Value: v} }
func read(key int, list ...int) Op    { return Op{Key: key, Read: list} }
func at(n int) time.Time              { return time.Unix(int64(n), 0) }
func txn(from, to int, o ...Op) Txn   { return Txn{Ops: o, Began: at(from), Ended: at(to)} }
func with(t Txn, outcome Outcome) Txn { t.Outcome = outcome; return t }

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		want string // "": nothing is wrong
		txns []Txn
	}{
		{"serial", "", []Txn{txn(1, 2, app(1, 10)), txn(3, 4, read(1, 10), app(2, 20)), txn(5, 6, read(1, 10), read(2, 20))}},
		{"concurrent", "", []Txn{txn(1, 9, app(1, 10), read(2)), txn(1, 9, read(1, 10), app(2, 20))}},
		{"own writes", "", []Txn{txn(1, 2, read(1), app(1, 10), read(1, 10), app(1, 11), read(1, 10, 11))}},
		{"an unknown one that was seen", "", []Txn{with(txn(1, 2, app(1, 10)), Unknown), txn(3, 4, read(1, 10))}},
		{"an unknown one that was not", "", []Txn{with(txn(1, 2, app(1, 10)), Unknown), txn(3, 4, read(1))}},
		{"an unknown one that was aborted", "", []Txn{with(txn(1, 9, app(1, 10), read(1, 10)), Unknown), txn(3, 4, app(1, 11)), txn(10, 11, read(1, 11))}},
		{"aborted read", "G1a", []Txn{with(txn(1, 2, app(1, 10)), Aborted), txn(3, 4, read(1, 10))}},
		{"intermediate read", "G1b", []Txn{txn(1, 9, app(1, 10), app(1, 11)), txn(1, 9, read(1, 10)), txn(10, 11, read(1, 10, 11))}},
		{"garbage", "garbage", []Txn{txn(1, 2, read(1, 7))}},
		{"duplicate", "duplicate", []Txn{txn(1, 2, app(1, 10)), txn(3, 4, read(1, 10, 10))}},
		{"incompatible order", "incompatible", []Txn{txn(1, 9, app(1, 10)), txn(1, 9, app(1, 11)), txn(1, 9, read(1, 10, 11)), txn(1, 9, read(1, 11, 10))}},
		{"own write not seen", "internal", []Txn{txn(1, 2, app(1, 10), read(1))}},
		{"read that moves", "internal", []Txn{txn(1, 2, app(1, 10)), txn(1, 5, read(1), read(1, 10))}},
		{"lost write", "cycle", []Txn{txn(1, 2, app(1, 10)), txn(3, 4, read(1))}},
		{"stale read", "real time", []Txn{txn(1, 2, app(1, 10)), txn(3, 4, read(1)), txn(5, 6, read(1, 10))}},
		{"write skew (G2)", "cycle", []Txn{txn(1, 9, read(1), app(2, 20)), txn(1, 9, read(2), app(1, 10)), txn(10, 11, read(1, 10), read(2, 20))}},
		{"read skew (G-single)", "cycle", []Txn{txn(1, 9, app(1, 10), app(2, 20)), txn(1, 9, read(1), read(2, 20)), txn(10, 11, read(1, 10), read(2, 20))}},
		{"cyclic information (G1c)", "cycle", []Txn{txn(1, 9, app(1, 10), read(2, 20)), txn(1, 9, app(2, 20), read(1, 10))}},
		{"dirty write (G0)", "cycle", []Txn{txn(1, 9, app(1, 10), app(2, 20)), txn(1, 9, app(1, 11), app(2, 21)), txn(10, 11, read(1, 10, 11), read(2, 21, 20))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := Check(c.txns)
			switch all := strings.Join(found, "\n"); {
			case c.want == "" && all != "":
				t.Errorf("found %s", all)
			case !strings.Contains(all, c.want):
				t.Errorf("found %q, want %q", all, c.want)
			}
		})
	}
}
