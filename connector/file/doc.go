// Package file reads lines of files: a file, all files of a directory, or those
// that a pattern names. Each file is a split whose offset counts bytes. Files may grow
// while they are read, and new ones may appear; a last line without a line
// break waits for it. A file that shrinks or is replaced stops being read, with
// an error that says so.
package file
