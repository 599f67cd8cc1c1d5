package sqllogictest

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// background holds the commands of one file that ended in "&". They run until
// the file ends.
type background struct {
	cancel context.CancelFunc
	ctx    context.Context
	cmds   []*exec.Cmd
}

// start starts a command without waiting for it.
func (b *background) start(command string) error {
	if b.ctx == nil {
		b.ctx, b.cancel = context.WithCancel(context.Background())
	}
	cmd := shell(b.ctx, command)
	if err := cmd.Start(); err != nil {
		return err
	}
	b.cmds = append(b.cmds, cmd)
	return nil
}

// stop ends the commands that still run, and waits for them.
func (b *background) stop() {
	if b.ctx == nil {
		return
	}
	b.cancel()
	for _, cmd := range b.cmds {
		_ = cmd.Wait() // it was killed, or it failed on its own: nobody asked
	}
}

func shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", command)
	cmd.WaitDelay = time.Second
	return cmd
}

// system runs a system record.
func (r *fileRunner) system(ctx context.Context, rec *Record) *mismatch {
	command := rec.SQL
	if r.substitution {
		var err error
		if command, err = r.vars.substituteSpecial(command); err != nil {
			return &mismatch{reason: "failed", got: err.Error()}
		}
	}
	if c, ok := strings.CutSuffix(strings.TrimSpace(command), "&"); ok {
		if err := r.background.start(c); err != nil {
			return &mismatch{reason: "command did not start", got: err.Error()}
		}
		return nil
	}
	tctx, cancel := context.WithTimeout(ctx, r.opts.Timeout)
	defer cancel()
	out, err := shell(tctx, command).Output()
	if tctx.Err() != nil {
		return &mismatch{reason: "timeout", got: fmt.Sprintf("the command did not end within %v", r.opts.Timeout)}
	}
	if err != nil && rec.Error == nil {
		got := err.Error() + "\n" + string(out)
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			got += string(exit.Stderr)
		}
		return &mismatch{reason: "command failed", expected: "ok", got: got}
	}
	if err == nil && rec.Error != nil {
		return &mismatch{reason: "command worked, but should fail", expected: "an error", got: string(out)}
	}
	got := strings.TrimSpace(string(out))
	if rec.HasResults && got != rec.Results[0] {
		return &mismatch{
			reason: "another output", expected: rec.Results[0], got: got,
			fix: &fix{kind: fixText, text: got},
		}
	}
	return nil
}
