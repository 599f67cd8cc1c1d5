package report

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// Machine is what a run depends on, without what tells whose machine it was.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`  // that the process may use
	Memory int64  `json:"memory"` // bytes; 0: not known
	OS     string `json:"os"`     // and architecture
	Go     string `json:"go"`
}

// ThisMachine is the machine that this process runs on.
func ThisMachine() Machine {
	m := Machine{CPU: "unknown", Cores: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	if v := field("/proc/cpuinfo", "model name"); v != "" {
		m.CPU = v
		if mhz, err := strconv.ParseFloat(field("/proc/cpuinfo", "cpu MHz"), 64); err == nil && !strings.Contains(v, "GHz") {
			m.CPU += " at " + strconv.FormatFloat(mhz/1000, 'f', 1, 64) + " GHz"
		}
	}
	if kb, _, ok := strings.Cut(field("/proc/meminfo", "MemTotal"), " "); ok {
		n, _ := strconv.ParseInt(kb, 10, 64)
		m.Memory = n << 10
	}
	return m
}

// PeakRSS is the most memory that was resident in this process, in bytes; 0
// where the system does not say. Unlike ru_maxrss it forgets the parent.
func PeakRSS() int64 {
	kb, _, _ := strings.Cut(field("/proc/self/status", "VmHWM"), " ")
	n, _ := strconv.ParseInt(kb, 10, 64)
	return n << 10
}

// load is the load average of five minutes; 0 where that is not known.
func load() float64 {
	b, _ := os.ReadFile("/proc/loadavg")
	if f := strings.Fields(string(b)); len(f) > 1 {
		n, _ := strconv.ParseFloat(f[1], 64)
		return n
	}
	return 0
}

// field is the first value of a name in a file of lines "name: value"; "" if
// there is none.
func field(path, name string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// Commit is the commit that the working directory is at; "unknown" outside of
// a repository.
func Commit() string {
	b, err := exec.Command("git", "rev-parse", "--short=10", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	commit := strings.TrimSpace(string(b))
	if b, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output(); err == nil && len(b) > 0 {
		commit += "+"
	}
	return commit
}
