package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// fault is what a disk does wrong from an operation on.
type fault struct {
	at   int64 // counted among the operations of its kind: those that change the disk, or those that read
	n    int64 // so many operations fail; those of a full disk until it is emptied
	read bool
	err  error
	slow time.Duration // with no error: each operation takes so long
}

func (f fault) String() string {
	kind := "changes"
	if f.read {
		kind = "reads"
	}
	if f.err == nil {
		return fmt.Sprintf("%v for each of %d %s from the %d. on", f.slow, f.n, kind, f.at)
	}
	return fmt.Sprintf("%v for %d %s from the %d. on", f.err, f.n, kind, f.at)
}

// randomFault draws a fault of a run of about so many operations.
func randomFault(rng *rand.Rand, ops int64) fault {
	f := fault{at: 1 + rng.Int64N(ops), n: 1 + rng.Int64N(3)}
	switch rng.IntN(5) {
	case 0:
		f.err, f.n = vfsError{syscall.ENOSPC}, 1+rng.Int64N(60)
	case 1:
		f.slow, f.n = time.Duration(1+rng.IntN(100))*time.Millisecond, 1+rng.Int64N(20)
	case 2:
		f.err, f.read = vfsError{syscall.EIO}, true
		f.at = 1 + rng.Int64N(2*ops)
	default:
		f.err = vfsError{syscall.EIO}
	}
	return f
}

// vfsError is an error of the operating system, as a file operation returns it.
type vfsError struct{ syscall.Errno }

func (e vfsError) Unwrap() error { return e.Errno }

// reads reports whether an operation reads a file.
func reads(k errorfs.OpKind) bool {
	return k == errorfs.OpFileRead || k == errorfs.OpFileReadAt || k == errorfs.OpOpen
}

// hook is the fault as a disk meets it. Removing a file never fails: it frees space.
func (f fault) hook() func(op errorfs.Op) error {
	var n atomic.Int64
	return func(op errorfs.Op) error {
		if f.read && !reads(op.Kind) || !f.read && (!changes(op.Kind) || op.Kind == errorfs.OpRemove || op.Kind == errorfs.OpRemoveAll) {
			return nil
		}
		if i := n.Add(1); i < f.at || i >= f.at+f.n {
			return nil
		}
		time.Sleep(f.slow)
		return f.err
	}
}

// mayFail are the errors that a client may get from a disk that fails: of the
// statement that met it, and of those that name a job that did.
var mayFail = []string{"58030", "53100", "55000"}

// fatalError is what became of a server whose store could not go on: its process
// would have ended at once.
type fatalError struct{ msg string }

func (e *fatalError) Error() string { return "the server ended: " + e.msg }

// faulty is a run on a disk that fails. It returns the disk after a crash at the
// end, and whether the server had ended by itself before.
func faulty(ctx context.Context, s *schedule, f fault, l loss) (r *run, p *point, ended string, err error) {
	r = &run{s: s, ledger: newLedger(), off: true}
	d := newDisk(nil)
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	o := options(d, r.ledger, 2, func(msg string) {
		end(&fatalError{msg})
		select {} // the process has ended: nothing goes on from here
	})
	var once sync.Once
	var hook func(op errorfs.Op) error
	o.Store.FS = errorfs.Wrap(o.Store.FS, errorfs.InjectorFunc(func(op errorfs.Op) error {
		once.Do(func() { hook = f.hook() })
		return hook(op)
	}))
	done := make(chan error, 1)
	go func() { // what waits for a server that has ended stays behind
		srv, err := open(ctx, o)
		if err == nil {
			err = r.bear(ctx, srv)
			if cerr := srv.close(); cerr != nil && !borne(cerr) {
				err = errors.Join(err, cerr)
			}
		} else if borne(err) {
			err = nil
		}
		done <- err
	}()
	select {
	case err = <-done:
	case <-ctx.Done():
	case <-time.After(2 * patience):
		err = errors.New("the server hangs")
	}
	var fatal *fatalError
	if errors.As(context.Cause(ctx), &fatal) {
		ended, err = fatal.msg, nil
	}
	if err != nil {
		return r, nil, ended, err
	}
	rng := rand.New(rand.NewPCG(s.seed, 5))
	p = &point{id: fmt.Sprintf("seed %d, %v, then %v", s.seed, f, l), rng: rng, depth: maxDepth}
	for c := range clients {
		p.acked[c] = int(r.acked[c].Load())
	}
	r.ledger.mu.Lock()
	p.mem, err = d.crash(l, rng)
	p.ledger = r.ledger.clone()
	r.ledger.mu.Unlock()
	for c := range clients {
		p.sent[c] = int(r.sent[c].Load())
	}
	return r, p, ended, err
}

// borne reports whether an error is one that a failing disk may cause.
func borne(err error) bool {
	var noSpace vfsError
	return slices.Contains(mayFail, pgError(err)) || slices.Contains(mayFail, sqlState(err)) || errors.As(err, &noSpace) || vfs.IsNoSpaceError(err)
}

// bear is the life of clients who stop at the first error that the disk may cause.
func (r *run) bear(ctx context.Context, srv *server) error {
	conn, err := srv.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	for _, sql := range r.s.setup {
		if _, err := query(ctx, conn, sql); err != nil {
			return unborne(err)
		}
	}
	for c := range clients {
		if err := r.client(ctx, srv, c, r.s.clients[c][:tableSteps]); err != nil {
			return unborne(err)
		}
	}
	var wg sync.WaitGroup
	errs := make([]error, clients)
	for c := range clients {
		wg.Go(func() { errs[c] = unborne(r.client(ctx, srv, c, r.s.clients[c][tableSteps:])) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func unborne(err error) error {
	if err == nil || borne(err) {
		return nil
	}
	return err
}
