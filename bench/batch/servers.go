package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"streamdb/bench/internal/servers"
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

// socket is a server that speaks the Postgres protocol.
type socket struct {
	*servers.Server
	title string
	conn  *pgx.Conn
}

// dial takes over a server that was started.
func dial(title string, s *servers.Server, err error) (server, error) {
	if err != nil {
		return nil, err
	}
	conn, err := s.Connect(context.Background())
	if err != nil {
		s.Stop()
		return nil, err
	}
	return &socket{s, title, conn}, nil
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

func (s *socket) cpu() time.Duration { return s.CPU() }

func (s *socket) close() {
	s.conn.Close(context.Background())
	s.Stop()
}

// duck is a DuckDB in a process of Node.js.
type duck struct {
	cmd *exec.Cmd
	dir string
	in  *json.Encoder
	out *bufio.Reader
}

// startDuckDB starts the peer in bench/batch/duckdb; threads 0: as many as cores.
func startDuckDB(dir string, threads int) (server, error) {
	const peer = "bench/batch/duckdb"
	if _, err := os.Stat(peer + "/node_modules/@duckdb/node-api"); err != nil {
		return nil, fmt.Errorf("%w (npm install in %s)", servers.ErrAbsent, peer)
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
	if err := cmd.Start(); err != nil {
		return nil, servers.ErrAbsent
	}
	d := &duck{cmd, dir, json.NewEncoder(in), bufio.NewReaderSize(out, 1<<20)}
	if line, err := d.out.ReadString('\n'); err != nil || line != "ready\n" {
		d.close()
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

// cpu is not asked for: each answer tells what it took.
func (d *duck) cpu() time.Duration { return 0 }

func (d *duck) close() {
	d.cmd.Process.Kill() // it keeps nothing
	_ = d.cmd.Wait()     // it was killed
}
