package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// CPU is the user and system time that the server's processes have taken so far,
// those that have ended included.
func (s *Server) CPU() time.Duration {
	const tick = time.Second / 100 // USER_HZ, the same on every Linux
	var sum time.Duration
	for _, pid := range s.family() {
		f := statOf(pid)
		ticks := func(i int) time.Duration {
			if len(f) <= i {
				return 0
			}
			n, _ := strconv.ParseInt(f[i], 10, 64)
			return time.Duration(n) * tick
		}
		// utime, stime, and those of children that were waited for
		sum += max(ticks(11)+ticks(12), threadTime(pid)) + ticks(13) + ticks(14)
	}
	return sum
}

// threadTime is the CPU time of a process's threads as the scheduler counts it: to
// the nanosecond, but without threads that have ended.
func threadTime(pid int) (sum time.Duration) {
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		ran, _, _ := strings.Cut(string(b), " ")
		n, _ := strconv.ParseInt(ran, 10, 64)
		sum += time.Duration(n)
	}
	return sum
}

// RSS is the memory that is resident in the server's processes, in bytes; what
// several share is counted once.
func (s *Server) RSS() (sum int64) {
	for _, pid := range s.family() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "Pss:" {
				kb, _ := strconv.ParseInt(f[1], 10, 64)
				sum += kb << 10
			}
		}
	}
	return sum
}

// statOf is what /proc says of a process, from its state (field 3) on.
func statOf(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.Fields(rest)
}

// family is the server's process and its children.
func (s *Server) family() []int {
	main := s.cmd.Process.Pid
	pids := []int{main}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if f := statOf(pid); len(f) > 1 && f[1] == strconv.Itoa(main) {
			pids = append(pids, pid)
		}
	}
	return pids
}
