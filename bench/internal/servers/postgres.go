package servers

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// PostgresBin is where Debian puts the programs of PostgreSQL 15; where that folder
// is missing those of the PATH count.
const PostgresBin = "/usr/lib/postgresql/15/bin"

// Postgres makes a cluster in dir, unless there is one from an earlier run, and starts
// it with its default settings, fsync among them. As root it does so as the user postgres, as
// PostgreSQL does not run as root. ErrAbsent: it is not installed.
func Postgres(dir string) (*Server, error) {
	initdb, postgres := program("initdb"), program("postgres")
	if initdb == "" || postgres == "" {
		return nil, fmt.Errorf("PostgreSQL: %w", ErrAbsent)
	}
	attr := &syscall.SysProcAttr{}
	_, err := os.Stat(filepath.Join(dir, "PG_VERSION"))
	fresh := err != nil
	if fresh {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, err
		}
	}
	if os.Geteuid() == 0 {
		who, err := user.Lookup("postgres")
		if err != nil {
			return nil, fmt.Errorf("PostgreSQL: %w: %w", ErrAbsent, err)
		}
		uid, _ := strconv.Atoi(who.Uid)
		gid, _ := strconv.Atoi(who.Gid)
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, uid, gid); err != nil {
			return nil, err
		}
	}
	run := func(path string, args ...string) *exec.Cmd {
		cmd := exec.Command(path, args...)
		cmd.SysProcAttr, cmd.Dir = attr, "/"
		return cmd
	}
	if fresh {
		if out, err := run(initdb, "-D", dir, "-U", "root", "-A", "trust", "--locale=C", "-E", "UTF8").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("initdb: %w\n%s", err, out)
		}
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Server{Name: "PostgreSQL", URL: fmt.Sprintf("postgres://root@127.0.0.1:%d/postgres?sslmode=disable", port)}
	s.cmd = run(postgres, "-D", dir, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, s.await()
}

// program finds a program of PostgreSQL; "": there is none.
func program(name string) string {
	paths := []string{filepath.Join(PostgresBin, name)}
	if path, err := exec.LookPath(name); err == nil {
		paths = append(paths, path)
	}
	i := slices.IndexFunc(paths, func(p string) bool { _, err := os.Stat(p); return err == nil })
	if i < 0 {
		return ""
	}
	return paths[i]
}
