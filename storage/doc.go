// Package storage is the embedded store: state tables of operators, rows of
// tables and views, the manifest and the catalog, all in one Pebble database.
// It is the only package that imports Pebble.
//
// Keys: table id (4 bytes, big-endian) | vnode (1 byte) | key. All changes of an
// epoch enter in one atomic commit; readers see committed epochs only.
package storage
