// Package storage is the embedded store: state tables of operators, rows of
// tables and views, the manifest and the catalog, all in one Pebble database.
// It is the only package that imports Pebble.
//
// A store whose log cannot be written, or whose directory cannot be synced, ends
// the process (Options.Fatal): what was acknowledged is on the disk, and the next
// open finds it.
//
// Keys: table id (4 bytes, big-endian) | vnode (1 byte) | key. All changes of an
// epoch enter in one atomic commit; readers see committed epochs only.
package storage
