package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// dropCaches takes the database's files out of the operating system's page cache.
// The server must not run.
func (r *recovery) dropCaches() {
	r.t.Helper()
	const dontNeed = 4 // POSIX_FADV_DONTNEED
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := f.Sync(); err != nil { // what is not written stays
			return err
		}
		if _, _, e := syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, dontNeed, 0, 0); e != 0 {
			return e
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}
