package sqllogictest

import (
	"context"
	"sync"
	"time"
)

// Run runs files, each on connections of its own, and reports on all of them.
// An error means that the options are wrong; failures of tests are in the
// report. When ctx ends, the files that did not run are reported as such.
func Run(ctx context.Context, opts Options, files ...File) (*Report, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	report := &Report{Files: make([]FileReport, len(files))}
	todo := make(chan int, len(files))
	for i := range files {
		todo <- i
	}
	close(todo)

	var workers sync.WaitGroup
	var onFile sync.Mutex
	for range opts.Jobs {
		workers.Go(func() {
			for i := range todo {
				report.Files[i] = timed(ctx, &opts, files[i])
				if opts.OnFile != nil {
					onFile.Lock()
					opts.OnFile(report.Files[i])
					onFile.Unlock()
				}
			}
		})
	}
	workers.Wait()
	report.sum(time.Since(start))
	return report, nil
}

// timed runs one file and takes the time.
func timed(ctx context.Context, opts *Options, f File) FileReport {
	if ctx.Err() != nil {
		return FileReport{Name: f.name(), Error: "not run: " + context.Cause(ctx).Error()}
	}
	start := time.Now()
	report := runFile(ctx, opts, f)
	report.Elapsed = time.Since(start).Seconds()
	return report
}
