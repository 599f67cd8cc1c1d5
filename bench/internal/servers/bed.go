package servers

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"streamdb/bench/internal/report"
)

// Flags are those that all benches of servers have.
type Flags struct {
	Binary  *string // path of a streamdb
	Dir     *string
	JSON    *string
	Profile *string
	Peer    *bool
}

// AddFlags declares them; flag.Parse follows.
func AddFlags() *Flags {
	return &Flags{
		Binary:  flag.String("streamdb", "", "`path` of the streamdb to measure; otherwise this tree's is built"),
		Dir:     flag.String("dir", "", "`directory` below which data are kept during the run; otherwise that for temporary files"),
		JSON:    flag.String("json", "", "also write the results to this `file`"),
		Profile: flag.String("cpuprofile", "", "write a CPU profile of streamdb to this `file`"),
		Peer:    flag.Bool("peer", true, "measure PostgreSQL beside streamdb, if it is installed"),
	}
}

// Bed is the servers of a run.
type Bed struct {
	Dir      string
	Binary   string // of streamdb
	Streamdb *Server
	Postgres *Server // nil: not installed, or not wanted
	flags    *Flags
	debug    string // address of streamdb's profiles
}

// Start builds and starts the servers, streamdb with more flags. Stop ends them.
func (f *Flags) Start(args ...string) (*Bed, error) {
	b, err := f.Prepare()
	if err != nil {
		return nil, err
	}
	if *f.Profile != "" {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		b.debug = fmt.Sprintf("127.0.0.1:%d", port)
		args = append(args, "-debug-listen", b.debug)
	}
	if b.Streamdb, err = Streamdb(b.Binary, filepath.Join(b.Dir, "streamdb-data"), args...); err != nil {
		b.Stop()
		return nil, err
	}
	if !*f.Peer {
		return b, nil
	}
	switch b.Postgres, err = Postgres(filepath.Join(b.Dir, "postgres-data")); {
	case errors.Is(err, ErrAbsent):
		fmt.Println("PostgreSQL is not installed: streamdb is measured alone")
	case err != nil:
		b.Stop()
		return nil, err
	}
	return b, nil
}

// Prepare makes the folder of the run and builds streamdb, but starts nothing.
func (f *Flags) Prepare() (*Bed, error) {
	dir, err := os.MkdirTemp(*f.Dir, "bench")
	if err != nil {
		return nil, err
	}
	b := &Bed{Dir: dir, Binary: *f.Binary, flags: f}
	if err := os.Chmod(dir, 0o755); err != nil { // PostgreSQL runs as another user
		return nil, err
	}
	if b.Binary == "" {
		b.Binary, err = Build(dir)
	}
	if err != nil {
		b.Stop()
		return nil, err
	}
	return b, nil
}

// All are the servers to measure.
func (b *Bed) All() []*Server {
	if b.Postgres == nil {
		return []*Server{b.Streamdb}
	}
	return []*Server{b.Streamdb, b.Postgres}
}

// Stop stops the servers and removes their data.
func (b *Bed) Stop() {
	for _, s := range []*Server{b.Streamdb, b.Postgres} {
		if s != nil {
			s.Stop()
		}
	}
	os.RemoveAll(b.Dir)
}

// Profiled calls fn, and meanwhile writes a CPU profile of streamdb if one is asked
// for. The profile ends a little after fn, by the second.
func (b *Bed) Profiled(atLeast time.Duration, fn func() error) error {
	if *b.flags.Profile == "" {
		return fn()
	}
	got := make(chan error, 1)
	go func() { got <- b.profile(int(atLeast.Seconds() + 1)) }()
	time.Sleep(50 * time.Millisecond)
	return errors.Join(fn(), <-got)
}

func (b *Bed) profile(seconds int) error {
	res, err := http.Get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", b.debug, seconds))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	f, err := os.Create(*b.flags.Profile)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, res.Body)
	return errors.Join(err, f.Close())
}

// Write writes the results where -json says, if it does.
func (f *Flags) Write(out *report.File) error {
	if *f.JSON == "" {
		return nil
	}
	return out.Write(*f.JSON)
}
