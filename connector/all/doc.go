// Package all is the list of connectors: one line each.
package all
