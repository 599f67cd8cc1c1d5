package sqllogictest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// ReadListFile reads a list of test files; see ReadList.
func ReadListFile(name, root string) ([]File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open list: %w", err)
	}
	defer f.Close()
	files, err := ReadList(f, root)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", name, err)
	}
	return files, nil
}

// ReadList reads a list of test files, one path relative to root on each line.
// "#init: SQL" lines give what each connection of the files below runs first;
// several in a row belong together, and the next after a path starts anew.
// Other lines that start with "#" are comments.
func ReadList(r io.Reader, root string) ([]File, error) {
	var (
		files  []File
		init   []string
		inInit bool
	)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if sql, ok := strings.CutPrefix(line, "#init:"); ok {
			if !inInit {
				init, inInit = nil, true
			}
			if sql = strings.TrimSpace(sql); sql != "" {
				init = append(init, sql)
			}
			continue
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		inInit = false
		files = append(files, File{Path: filepath.Join(root, line), Name: line, Init: init})
	}
	return files, lines.Err()
}

// ReadExceptFile reads records to skip, one "file:line reason" on each line.
// Blank lines and those that start with "#" are comments; a reason is needed.
func ReadExceptFile(name string) (map[string]string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read exceptions: %w", err)
	}
	except := map[string]string{}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		where, reason, _ := strings.Cut(line, " ")
		if reason = strings.TrimSpace(reason); reason == "" || !strings.Contains(where, ":") {
			return nil, fmt.Errorf("%s:%d: expected \"file:line reason\", found %q", name, n, line)
		}
		except[where] = reason
	}
	return except, nil
}
