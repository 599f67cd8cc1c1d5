package wire

import (
	"net"
	osexec "os/exec"
	"strings"
	"testing"
	"time"
)

func psql(t *testing.T, addr, input string, args ...string) string {
	t.Helper()
	path, err := osexec.LookPath("psql")
	if err != nil {
		t.Skip("psql is not installed")
	}
	host, port, _ := net.SplitHostPort(addr)
	cmd := osexec.Command(path, append([]string{"-X", "-h", host, "-p", port, "-U", "me", "-d", "dev"}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	return string(out)
}

func TestPsql(t *testing.T) {
	_, addr := startServer(t, newFakeDB(), nil)
	for _, test := range []struct{ input, want string }{
		{"rows 3;", "0|row 0|2000-01-01 00:00:00\n1|row 1|2000-01-01 01:00:00.5\n2||2000-01-01 02:00:01\n"},
		{"rows 1 \\gdesc", "i|integer\n"},
		{"types;", strings.Join(fakeTexts, "|") + "\n"},
		{"\\set FETCH_COUNT 2\nnotice x;", "NOTICE:  notice x\nNOTICE\n"},
		{"missing;", "ERROR:  relation \"x\" does not exist\nLINE 1: missing;\n        ^\nDETAIL:  the detail\nHINT:  the hint\n"},
		{"echo int4 text \\bind 1 a \\g", "1|a\n"},
		{"rows 1\\;insert;", "0|row 0|2000-01-01 00:00:00\nINSERT 0 1\n"},
	} {
		got := psql(t, addr, test.input, "-A", "-t")
		if strings.Contains(got, "invalid command \\bind") { // older than psql 16
			continue
		}
		if got != test.want {
			t.Errorf("%s:\n%s want\n%s", test.input, got, test.want)
		}
	}
}
