package storage

import "github.com/cockroachdb/pebble/v2/vfs"

// FS is a filesystem that a Store can live on: see Options.FS.
type FS = vfs.FS

// NewMemFS makes a filesystem in memory, for tests of packages that use a Store.
func NewMemFS() FS { return vfs.NewMem() }
