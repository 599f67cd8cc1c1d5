package servers

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// duck is a DuckDB in a process of Node.js.
type duck struct {
	cmd *exec.Cmd
	dir string // for what it is to load
	in  *json.Encoder
	out *bufio.Reader
}

// DuckDB starts a database in memory (duckdb/peer.mjs), with a folder for files on
// their way to it; threads 0: as many as cores. It has to be called from the
// module's folder. ErrAbsent: it is not installed.
func DuckDB(dir string, threads int) (Database, error) {
	const peer = "bench/internal/servers/duckdb"
	if _, err := os.Stat(peer + "/node_modules/@duckdb/node-api"); err != nil {
		return nil, fmt.Errorf("DuckDB: %w (npm install in %s)", ErrAbsent, peer)
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
		return nil, fmt.Errorf("DuckDB: %w (%w)", ErrAbsent, err)
	}
	d := &duck{cmd, dir, json.NewEncoder(in), bufio.NewReaderSize(out, 1<<20)}
	if line, err := d.out.ReadString('\n'); err != nil || line != "ready\n" {
		d.Close()
		return nil, fmt.Errorf("DuckDB did not start: %q", line)
	}
	if threads > 0 {
		err = d.Exec(fmt.Sprintf("SET threads = %d", threads))
	}
	return d, err
}

func (d *duck) Name() string { return "duckdb" }

func (d *duck) Exec(sql string) error {
	if _, _, err := d.Query(sql); err != nil {
		return fmt.Errorf("duckdb: %.200s: %w", sql, err)
	}
	return nil
}

func (d *duck) Fill(table string, rows io.Reader) error {
	path := filepath.Join(d.dir, table+".tsv")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, rows)
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.Exec(fmt.Sprintf(`COPY %s FROM '%s' (DELIMITER '\t', HEADER false, NULLSTR '\N', QUOTE '', ESCAPE '')`, table, path))
	}
	return errors.Join(err, os.Remove(path))
}

func (d *duck) Query(sql string) (rows [][]*string, took time.Duration, err error) {
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

// CPU is not asked for: each answer tells what it took.
func (d *duck) CPU() time.Duration { return 0 }

func (d *duck) Close() {
	d.cmd.Process.Kill() // it keeps nothing
	_ = d.cmd.Wait()     // it was killed
}
