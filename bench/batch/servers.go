package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// server is one of the databases that are compared.
type server interface {
	name() string
	load(d data) error
	// query gives the rows as text, NULL as nil, and the CPU time that the server
	// says it took, or 0: then cpu is asked before and after.
	query(sql string) (rows [][]*string, took time.Duration, err error)
	cpu() time.Duration
	close()
}

// started is the process of a server.
type started struct {
	cmd  *exec.Cmd
	done chan error
}

func start(cmd *exec.Cmd) (*started, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &started{cmd, make(chan error, 1)}
	go func() { s.done <- cmd.Wait() }()
	return s, nil
}

func (s *started) cpu() time.Duration { return cpuTime(s.cmd.Process.Pid) }

// stop asks the process to end, and ends it if it does not.
func (s *started) stop() {
	s.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		s.cmd.Process.Kill()
		<-s.done
	}
}

// socket is a server that speaks the Postgres protocol.
type socket struct {
	*started
	title string
	conn  *pgx.Conn
}

// freePort is a TCP port that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// dial connects as soon as the server takes connections.
func dial(title string, p *started, url string) (*socket, error) {
	deadline := time.Now().Add(60 * time.Second)
	for {
		conn, err := pgx.Connect(context.Background(), url)
		if err == nil {
			return &socket{p, title, conn}, nil
		}
		select {
		case <-p.done:
			p.done <- nil
			return nil, fmt.Errorf("%s ended at once", title)
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			p.stop()
			return nil, err
		}
	}
}

// startStreamdb starts the server of a binary over a folder; args are more flags.
func startStreamdb(binary, dir string, args []string) (server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	addr := "127.0.0.1:" + strconv.Itoa(port)
	cmd := exec.Command(binary, append([]string{"-listen", addr, "-data-dir", dir}, args...)...)
	cmd.Stderr = os.Stderr
	p, err := start(cmd)
	if err != nil {
		return nil, err
	}
	return dial("streamdb", p, "postgres://root@"+addr+"/dev")
}

// errAbsent says that a server is not installed.
var errAbsent = errors.New("not installed")

// startPostgres makes a cluster in a folder and starts it with its defaults. As root
// it does so as the user postgres, as PostgreSQL does not run as root.
func startPostgres(bin, dir string) (server, error) {
	if _, err := os.Stat(filepath.Join(bin, "postgres")); err != nil {
		return nil, errAbsent
	}
	attr := &syscall.SysProcAttr{}
	_, err := os.Stat(dir)
	fresh := err != nil
	if os.Geteuid() == 0 {
		who, err := user.Lookup("postgres")
		if err != nil {
			return nil, errAbsent
		}
		uid, _ := strconv.Atoi(who.Uid)
		gid, _ := strconv.Atoi(who.Gid)
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if fresh {
			if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, uid, gid)); err != nil {
				return nil, err
			}
		}
	}
	if fresh {
		if err := initCluster(bin, dir, attr); err != nil {
			return nil, err
		}
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(bin, "postgres"), "-D", dir, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
	cmd.SysProcAttr, cmd.Dir = attr, "/"
	p, err := start(cmd)
	if err != nil {
		return nil, err
	}
	return dial("postgres", p, fmt.Sprintf("postgres://root@127.0.0.1:%d/postgres", port))
}

// initCluster makes a cluster whose texts are in the order of their bytes, as those of
// the others.
func initCluster(bin, dir string, attr *syscall.SysProcAttr) error {
	cmd := exec.Command(filepath.Join(bin, "initdb"), "-D", dir, "-U", "root", "-A", "trust", "--locale=C", "-E", "UTF8")
	cmd.SysProcAttr, cmd.Dir = attr, "/"
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

func (s *socket) name() string { return s.title }

func (s *socket) load(d data) error {
	ctx := context.Background()
	for _, ddl := range d.ddl {
		if _, err := s.conn.Exec(ctx, ddl); err != nil {
			return fmt.Errorf("%s: %w", ddl, err)
		}
	}
	for _, t := range d.tables {
		if _, err := s.conn.PgConn().CopyFrom(ctx, strings.NewReader(t.rows.String()), "COPY "+t.name+" FROM STDIN"); err != nil {
			return fmt.Errorf("COPY %s: %w", t.name, err)
		}
	}
	if s.title == "postgres" { // what autovacuum does a little later
		_, err := s.conn.Exec(ctx, "VACUUM ANALYZE")
		return err
	}
	return nil
}

func (s *socket) query(sql string) (rows [][]*string, took time.Duration, err error) {
	results, err := s.conn.PgConn().Exec(context.Background(), sql).ReadAll()
	if err != nil {
		return nil, 0, err
	}
	for _, r := range results {
		for _, row := range r.Rows {
			text := make([]*string, len(row))
			for i, v := range row {
				if v != nil {
					s := string(v)
					text[i] = &s
				}
			}
			rows = append(rows, text)
		}
	}
	return rows, 0, nil
}

func (s *socket) close() {
	s.conn.Close(context.Background())
	s.stop()
}

// duck is a DuckDB in a process of Node.js.
type duck struct {
	*started
	dir string
	in  *json.Encoder
	out *bufio.Reader
}

// startDuckDB starts the peer in bench/batch/duckdb; threads 0: as many as cores.
func startDuckDB(dir string, threads int) (server, error) {
	const peer = "bench/batch/duckdb"
	if _, err := os.Stat(peer + "/node_modules/@duckdb/node-api"); err != nil {
		return nil, fmt.Errorf("%w (npm install in %s)", errAbsent, peer)
	}
	cmd := exec.Command("node", peer+"/peer.mjs")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p, err := start(cmd)
	if err != nil {
		return nil, errAbsent
	}
	d := &duck{p, dir, json.NewEncoder(in), bufio.NewReaderSize(out, 1<<20)}
	if line, err := d.out.ReadString('\n'); err != nil || line != "ready\n" {
		p.stop()
		return nil, fmt.Errorf("duckdb did not start: %q", line)
	}
	if threads > 0 {
		_, _, err = d.query(fmt.Sprintf("SET threads = %d", threads))
	}
	return d, err
}

func (d *duck) name() string { return "duckdb" }

func (d *duck) load(data data) error {
	for _, ddl := range data.ddl {
		if _, _, err := d.query(ddl); err != nil {
			return fmt.Errorf("%s: %w", ddl, err)
		}
	}
	for _, t := range data.tables {
		path := filepath.Join(d.dir, t.name+".tsv")
		if err := os.WriteFile(path, []byte(t.rows.String()), 0o644); err != nil {
			return err
		}
		_, _, err := d.query(fmt.Sprintf(`COPY %s FROM '%s' (DELIMITER '\t', HEADER false, NULLSTR '\N', QUOTE '', ESCAPE '')`, t.name, path))
		if err = errors.Join(err, os.Remove(path)); err != nil {
			return err
		}
	}
	return nil
}

func (d *duck) query(sql string) (rows [][]*string, took time.Duration, err error) {
	if err := d.in.Encode(map[string]string{"sql": sql}); err != nil {
		return nil, 0, err
	}
	line, err := d.out.ReadBytes('\n')
	if err != nil {
		return nil, 0, err
	}
	var answer struct {
		Error string
		CPU   int64
		Rows  [][]*string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return nil, 0, err
	}
	if answer.Error != "" {
		return nil, 0, errors.New(answer.Error)
	}
	return answer.Rows, time.Duration(answer.CPU) * time.Microsecond, nil
}

func (d *duck) close() { d.stop() }
