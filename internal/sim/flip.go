package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"streamdb/internal/sqlerr"
)

// flip flips a bit of a random file of a crash point's disk and compares what the
// server gives then. outcome: "detected", when it says that data is corrupt;
// "unused", when it gives all that it should.
func (r *run) flip(ctx context.Context, p *point, rng *rand.Rand) (what, outcome string, err error) {
	q := *p
	q.mem = p.mem.CrashClone(vfs.CrashCloneCfg{})
	q.ledger = p.ledger.clone()
	q.rng, q.depth = rand.New(rand.NewPCG(rng.Uint64(), 1)), maxDepth
	type file struct {
		name string
		data []byte
	}
	var files []file
	err = eachFile(q.mem, "data", func(name string, data []byte) error {
		if len(data) > 0 {
			files = append(files, file{name, data})
		}
		return nil
	})
	if err != nil || len(files) == 0 {
		return "no file", "unused", err
	}
	f := files[rng.IntN(len(files))]
	at, bit := rng.IntN(len(f.data)), rng.IntN(8)
	f.data[at] ^= 1 << bit
	what = fmt.Sprintf("%s; bit %d of byte %d of %d of %s flipped", p.id, bit, at, len(f.data), f.name)
	if err := writeFile(q.mem, f.name, f.data); err != nil {
		return what, "", err
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	q.fatal = func(msg string) {
		end(&fatalError{msg})
		select {} // as in faulty
	}
	done := make(chan error, 1)
	go func() {
		_, err := r.check(ctx, &q)
		done <- err
	}()
	select {
	case err = <-done:
	case <-ctx.Done():
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	var ended *fatalError
	switch {
	case errors.As(err, &ended) && strings.Contains(ended.msg, "a flush met damage"):
		return what, "detected", nil
	case err == nil:
		return what, "unused", nil
	case corrupt(err), strings.HasSuffix(f.name, "/STREAMDB") && strings.Contains(err.Error(), "newer version"): // refused
		return what, "detected", nil
	}
	return what, "", err
}

// corrupt reports whether an error says that data is corrupt.
func corrupt(err error) bool {
	return pgError(err) == sqlerr.DataCorrupted || sqlState(err) == sqlerr.DataCorrupted || strings.Contains(err.Error(), "job failed") && strings.Contains(err.Error(), "|XX001|")
}

// sqlState is the SQLSTATE of an error of this process; "": it has none.
func sqlState(err error) string {
	var e *sqlerr.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
