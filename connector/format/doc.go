// Package format decodes elements of sources (messages, lines) into columns:
// JSON objects and CSV lines, straight into typed builders, reading only the
// columns that somebody wants.
//
// An element is decoded whole or not at all: one that does not fit the schema
// leaves no trace in the builders and is reported as an error with a SQLSTATE,
// for the source's quarantine.
package format
