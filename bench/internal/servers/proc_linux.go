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
	var sum int64
	for _, pid := range s.family() {
		f := statOf(pid)
		for _, i := range []int{11, 12, 13, 14} { // utime, stime, and those of children that were waited for
			if len(f) > i {
				n, _ := strconv.ParseInt(f[i], 10, 64)
				sum += n
			}
		}
	}
	return time.Duration(sum) * tick
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
