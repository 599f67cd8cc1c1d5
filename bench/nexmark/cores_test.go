package main

import (
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOnCores starts a process on one core and is on all of them as before.
func TestOnCores(t *testing.T) {
	for _, cores := range []int{1, -1} {
		var before, after unix.CPUSet
		if err := unix.SchedGetaffinity(0, &before); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("nproc")
		var out strings.Builder
		cmd.Stdout = &out
		if err := onCores(cores, cmd.Start); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		if err := unix.SchedGetaffinity(0, &after); err != nil {
			t.Fatal(err)
		}
		if one := strings.TrimSpace(out.String()) == "1"; one != (cores == 1 || before.Count() == 1) {
			t.Errorf("%d cores: the process has %s", cores, out.String())
		}
		if before != after {
			t.Errorf("%d cores: this process had %d, and has %d", cores, before.Count(), after.Count())
		}
	}
}
