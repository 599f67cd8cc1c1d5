package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a running server.
type Server struct {
	Name string // "streamdb" or "PostgreSQL"
	URL  string // what a client connects to
	cmd  *exec.Cmd
	done chan error // what the process ended with
}

// ErrAbsent says that a server is not installed.
var ErrAbsent = errors.New("not installed")

// Build builds the streamdb of this tree into a folder and returns its path.
func Build(dir string) (string, error) {
	path := filepath.Join(dir, "streamdb")
	if out, err := exec.Command("go", "build", "-o", path, "streamdb/cmd/streamdb").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// Streamdb starts the server of a binary over a folder, with more flags.
func Streamdb(binary, dir string, args ...string) (*Server, error) {
	s, err := Launch(binary, dir, args...)
	if err != nil {
		return nil, err
	}
	return s, s.await()
}

// Launch is Streamdb that does not wait until the server answers.
func Launch(binary, dir string, args ...string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	addr := "127.0.0.1:" + strconv.Itoa(port)
	cmd := exec.Command(binary, append([]string{"-listen", addr, "-data-dir", dir, "-log-level", "error"}, args...)...)
	cmd.Stderr = os.Stderr
	s := &Server{Name: "streamdb", URL: "postgres://root@" + addr + "/dev?sslmode=disable", cmd: cmd}
	return s, s.start()
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (s *Server) start() error {
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.done = make(chan error, 1)
	go func() { s.done <- s.cmd.Wait() }()
	return nil
}

// startTimeout is how long a server may take until it answers.
const startTimeout = 2 * time.Minute

// await waits until the server answers; one that does not is stopped.
func (s *Server) await() error {
	for begun := time.Now(); ; {
		c, err := pgx.Connect(context.Background(), s.URL)
		if err == nil {
			return c.Close(context.Background())
		}
		select {
		case ended := <-s.done:
			s.done <- ended
			return fmt.Errorf("%s ended: %v", s.Name, ended)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Since(begun) > startTimeout {
			s.Stop()
			return fmt.Errorf("%s does not answer: %w", s.Name, err)
		}
	}
}

// Connect opens a connection.
func (s *Server) Connect(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, s.URL) }

// Exec runs statements on a connection of its own.
func (s *Server) Exec(ctx context.Context, statements ...string) error {
	c, err := s.Connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	for _, sql := range statements {
		if _, err := c.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("%s: %.200s: %w", s.Name, sql, err)
		}
	}
	return nil
}

// Stop asks the server to end, and ends it if it does not.
func (s *Server) Stop() { s.end(os.Interrupt) }

// Kill ends the server as a power cut would.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

func (s *Server) end(with os.Signal) {
	s.cmd.Process.Signal(with)
	select {
	case err := <-s.done:
		s.done <- err
	case <-time.After(30 * time.Second):
		s.cmd.Process.Kill()
		s.done <- <-s.done
	}
}
