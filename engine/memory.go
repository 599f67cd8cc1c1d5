package engine

import (
	"os"
	"strconv"
	"strings"
)

// defaultMemoryLimit is half of the machine's memory, or 1 GB where that is not known.
func defaultMemoryLimit() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err == nil {
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) >= 2 && f[0] == "MemTotal:" {
				if kb, err := strconv.ParseInt(f[1], 10, 64); err == nil {
					return kb << 10 / 2
				}
			}
		}
	}
	return 1 << 30
}
