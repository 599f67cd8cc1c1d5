// Package connector is the border to the outside: what a source and a sink
// look like to the dataflow. Each connector is a package of its own below
// (connector/<name>, the one door to its client library); connector/format
// decodes bytes to rows; connector/all lists them. Nothing registers itself.
package connector
