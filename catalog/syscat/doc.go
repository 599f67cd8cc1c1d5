// Package syscat is the system tables that clients and tools read: pg_catalog
// and information_schema, one file per table, computed from a catalog snapshot
// when they are read. The list is in list.go. Of the tables of the schema
// streamdb, which need running jobs and the store, only the columns are here:
// the engine fills them.
package syscat
