package sqllogictest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Options says how files are run. The zero value needs only a URL.
type Options struct {
	// URL is the connection string, in either form that Postgres clients take.
	URL string
	// URLFunc, if set, is asked for the connection string before each connect
	// instead, for servers that come back at another address. It must be safe
	// to call from Jobs goroutines.
	URLFunc func() string

	// Timeout bounds one try of one record; 0 means 30s.
	Timeout time.Duration
	// ConnectTimeout is how long a connect is retried; 0 means 10s. Once that
	// failed, each connect is tried once until one works again.
	ConnectTimeout time.Duration

	// Labels are what skipif and onlyif ask for.
	Labels []string
	// Except names records that are skipped, as "name:line" the way that
	// reports name them. The values are the reasons.
	Except map[string]string
	// LaxErrors lets any error of the server satisfy an expected error.
	LaxErrors bool
	// AllowSystem runs system records; without it they are skipped.
	AllowSystem bool
	// Rewrite puts what the server gave into the files, for records that ran
	// but gave other rows, another count or another error text than expected.
	// Those records count as passed. A record that should fail and did not, or
	// the other way round, is left as it is and fails.
	Rewrite bool

	// AfterStatement, if set, is called after each record that was sent to the
	// server, unless one of the file's connections is in a transaction. It may
	// restart the server: connections that are dead afterwards are made anew,
	// with File.Init and the SET statements of the session so far.
	AfterStatement func(ctx context.Context) error
	// Cleanup, if set, is called after each file with a new connection.
	Cleanup func(ctx context.Context, conn *pgconn.PgConn) error
	// DropNew drops what a file left behind: relations, schemas, databases,
	// roles and so on that were not there before it.
	DropNew bool
	// FreshDatabase runs each file in a database of its own.
	FreshDatabase bool
	// Jobs is the number of files that run at a time; 0 means 1. More than one
	// needs FreshDatabase.
	Jobs int

	// OnFile, if set, is called after each file, one call at a time.
	OnFile func(FileReport)

	// down is set once connecting failed for the whole ConnectTimeout, and
	// cleared once it worked again.
	down *atomic.Bool
}

// File is one test file to run.
type File struct {
	// Path is where the file is.
	Path string
	// Name is what reports call it; "" means Path.
	Name string
	// Init is run first on each connection of the file. A failure of it is
	// reported but does not end the file.
	Init []string
}

// Paths makes Files of paths.
func Paths(paths ...string) []File {
	files := make([]File, len(paths))
	for i, p := range paths {
		files[i] = File{Path: p}
	}
	return files
}

func (f File) name() string {
	if f.Name != "" {
		return f.Name
	}
	return f.Path
}

func (o *Options) url() string {
	if o.URLFunc != nil {
		return o.URLFunc()
	}
	return o.URL
}

// withDefaults checks the options and fills in what is not set.
func (o Options) withDefaults() (Options, error) {
	if o.URL == "" && o.URLFunc == nil {
		return o, errors.New("sqllogictest: no URL to connect to")
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = 10 * time.Second
	}
	o.Jobs = max(o.Jobs, 1)
	o.down = new(atomic.Bool)
	if o.Jobs > 1 && !o.FreshDatabase {
		return o, errors.New("sqllogictest: more than one job needs a database for each file")
	}
	if o.Jobs > 1 && (o.AfterStatement != nil || o.DropNew) {
		return o, errors.New("sqllogictest: more than one job cannot share AfterStatement or DropNew")
	}
	return o, nil
}

// labels gives the labels as a set.
func (o *Options) labels() map[string]bool {
	set := make(map[string]bool, len(o.Labels))
	for _, l := range o.Labels {
		set[l] = true
	}
	return set
}
