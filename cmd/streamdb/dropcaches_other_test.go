//go:build !linux

package main

// dropCaches does nothing here: the page cache stays warm.
func (r *recovery) dropCaches() { r.t.Log("the page cache cannot be dropped on this system") }
