package storage

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// markerFS syncs a directory before a marker file is made in it. Pebble makes a
// new MANIFEST and the marker that names it, and syncs the directory after both:
// where entries of a directory reach the disk in any order, a power cut may leave
// the marker without the MANIFEST, and the store cannot be opened again.
// (cockroachdb/pebble issue 5825, mended behind v2.1.7 in the same way.)
type markerFS struct{ vfs.FS }

func (m markerFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(m.PathBase(name), "marker.") {
		if err := syncDir(m.FS, m.PathDir(name)); err != nil {
			return nil, err
		}
	}
	return m.FS.Create(name, category)
}

// Unwrap is the filesystem below.
func (m markerFS) Unwrap() vfs.FS { return m.FS }
