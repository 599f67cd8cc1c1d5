package main

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// onCores runs start, which starts a process, so that the process runs on only so
// many of the cores that this one may use, the last of them; -1: on all.
func onCores(cores int, start func() error) error {
	if cores < 0 {
		return start()
	}
	runtime.LockOSThread() // a process inherits the cores of the thread that starts it
	defer runtime.UnlockOSThread()
	var all, some unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return err
	}
	for cpu := len(all)*64 - 1; cpu >= 0 && some.Count() < cores; cpu-- {
		if all.IsSet(cpu) {
			some.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &some); err != nil {
		return err
	}
	err := start()
	if back := unix.SchedSetaffinity(0, &all); err == nil {
		err = back
	}
	return err
}
