package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit in which /proc counts CPU time: USER_HZ is 100 on Linux
// wherever Go runs.
const tick = 10 * time.Millisecond

// cpuTime is the user and system time of a process, of what it has waited for, and
// of the children that it has now.
func cpuTime(pid int) time.Duration {
	fields := statFields(pid)
	if fields == nil {
		return 0
	}
	ticks := func(fields []string) (sum time.Duration) {
		for _, f := range fields {
			n, _ := strconv.ParseInt(f, 10, 64)
			sum += time.Duration(n) * tick
		}
		return sum
	}
	sum := max(ticks(fields[11:13]), threadTime(pid)) + ticks(fields[13:15]) // utime, stime; cutime, cstime
	children, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + strconv.Itoa(pid) + "/children")
	if err != nil {
		return sum
	}
	for _, f := range strings.Fields(string(children)) {
		if child, err := strconv.Atoi(f); err == nil {
			sum += cpuTime(child)
		}
	}
	return sum
}

// threadTime is the CPU time of a process's threads as the scheduler counts it: to
// the nanosecond, but without threads that have ended.
func threadTime(pid int) (sum time.Duration) {
	paths, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/schedstat")
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			continue
		}
		ran, _, _ := strings.Cut(string(b), " ")
		n, _ := strconv.ParseInt(ran, 10, 64)
		sum += time.Duration(n)
	}
	return sum
}

// statFields is what /proc tells of a process behind its name: state, parent and so
// on; nil if it is gone.
func statFields(pid int) []string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 15 {
		return nil
	}
	return fields
}
