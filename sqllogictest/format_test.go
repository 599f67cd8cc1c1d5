package sqllogictest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestFormat runs testdata/format/*: how results are shown and compared, and
// how variables are replaced.
func TestFormat(t *testing.T) {
	datadriven.Walk(t, "testdata/format", func(t *testing.T, path string) {
		vars := &variables{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "lines":
				return cmdLines(d)
			case "equal":
				want, got, _ := strings.Cut(d.Input, "\n/\n")
				return fmt.Sprintln(view(d).equal(strings.Split(got, "\n"), strings.Split(want, "\n")))
			case "value":
				return fmt.Sprintf("%s %s %s\n", formatValue(nil), formatValue([]byte{}), formatValue([]byte("1.50")))
			case "diff":
				a, b, _ := strings.Cut(d.Input, "\n/\n")
				return strings.Join(diff(splitLines(a), splitLines(b)), "\n") + "\n"
			case "let":
				for _, arg := range d.CmdArgs {
					vars.set(arg.Key, strings.Join(arg.Vals, ","))
				}
				return ""
			case "subst":
				out, err := vars.substitute(d.Input)
				if err != nil {
					return "error: " + err.Error() + "\n"
				}
				return out + "\n"
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

func view(d *datadriven.TestData) resultView {
	var v resultView
	for _, arg := range d.CmdArgs {
		switch {
		case arg.Key == "valuewise":
			v.valueWise = true
		case arg.Key == "hash":
			if _, err := fmt.Sscan(arg.Vals[0], &v.hashThreshold); err != nil {
				panic(err)
			}
		case isSortMode(arg.Key):
			v.sort = SortMode(arg.Key)
		}
	}
	return v
}

// cmdLines shows rows, one on each line with "|" between the values.
func cmdLines(d *datadriven.TestData) string {
	var rows [][]string
	for _, line := range splitLines(d.Input) {
		rows = append(rows, strings.Split(line, "|"))
	}
	var expected []string
	if d.HasArg("expect-hash") {
		expected = []string{"1 values hashing to 0123456789abcdef0123456789abcdef"}
	}
	return strings.Join(view(d).lines(rows, expected), "\n") + "\n"
}
