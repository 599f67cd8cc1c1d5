package engine_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"streamdb/engine"
)

var rewriteReadme = flag.Bool("rewrite-readme", false, "put the results of the statements into README.md and docs/howto")

const (
	readme      = "../README.md"
	tourHeading = "## A five-minute tour"
	tourFolder  = "/tmp/streamdb-tour"
)

// jobNumber is not the same on each run.
var jobNumber = regexp.MustCompile(`from job \d+`)

// backupFigures is the row of a BACKUP: sizes and times.
var backupFigures = regexp.MustCompile(`(?m)^ +\d+ \| +\d+ \| +\d+ \| +[\d.]+ \| +[\d.]+ *$`)

// backupRules are the lines around it, as wide as its figures.
var backupRules = regexp.MustCompile(`(?m)^( *epoch *\| *files *\| *bytes *\| *milliseconds *\| *held *)\n[-+]+$`)

// tourBlock is a piece of SQL in the tour, and what the README shows below it.
type tourBlock struct {
	line    int      // of the SQL, in the file, from 1
	sql     []string // statements and backslash commands
	restart bool     // a shell block with kill -9 in place of SQL
	shown   string
	hasShow bool
	from    int // the shown lines, as indexes of the file's lines
	to      int
}

// TestReadmeTour runs the tour and compares what it gives with what the README
// shows.
func TestReadmeTour(t *testing.T) {
	testPage(t, readme, tourHeading, 10)
}

// TestHowTo does the same with the pages of docs/howto, each in a new database.
func TestHowTo(t *testing.T) {
	pages, err := filepath.Glob("../docs/howto/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, page := range pages {
		t.Run(filepath.Base(page), func(t *testing.T) { testPage(t, page, "", 3) })
	}
}

// testPage runs the blocks below a heading ("": all) of a page and compares what
// they give with what it shows. A view of a source may need a moment to get there.
func testPage(t *testing.T, page, heading string, atLeast int) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	blocks := tourBlocks(t, lines, heading)
	if len(blocks) < atLeast {
		t.Fatalf("%s has %d blocks only", page, len(blocks))
	}
	folder := t.TempDir()
	t.Run("tour", func(t *testing.T) {
		s := serve(t, engine.Options{})
		conn := s.connect(t)
		for i := range blocks {
			b := &blocks[i]
			if b.restart {
				if err := s.restart(t.Context()); err != nil {
					t.Fatal(err)
				}
				conn = s.connect(t)
				continue
			}
			got, ok := b.run(t, s, conn, folder)
			for end := time.Now().Add(10 * time.Second); ok && b.hasShow && b.onlyReads() && !same(got, b.shown) && time.Now().Before(end); {
				time.Sleep(100 * time.Millisecond)
				got, ok = b.run(t, s, conn, folder)
			}
			got = strings.ReplaceAll(got, folder, tourFolder)
			switch {
			case !ok || !b.hasShow && got == "" || same(got, b.shown):
			case *rewriteReadme && b.hasShow:
				b.shown = trimmed(got)
			default:
				t.Errorf("%s:%d: shown:\n%s\ngot:\n%s", page, b.line, b.shown, got)
			}
		}
	})
	if !*rewriteReadme {
		return
	}
	for i := len(blocks) - 1; i >= 0; i-- {
		if b := blocks[i]; b.hasShow {
			lines = append(lines[:b.from:b.from], append(strings.Split(b.shown, "\n"), lines[b.to:]...)...)
		}
	}
	if err := os.WriteFile(page, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// same compares results without blanks at line ends and without job numbers.
func same(a, b string) bool {
	clean := func(s string) string {
		s = backupRules.ReplaceAllString(backupFigures.ReplaceAllString(s, "figures"), "figures")
		return trimmed(jobNumber.ReplaceAllString(s, "from job N"))
	}
	return clean(a) == clean(b)
}

// trimmed is text without blanks at line ends.
func trimmed(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// tourBlocks reads the fenced blocks below a heading (""; all): sql, the plain
// block behind one, and sh.
func tourBlocks(t *testing.T, lines []string, heading string) []tourBlock {
	t.Helper()
	var blocks []tourBlock
	in, fence, from := heading == "", "", 0
	for i, line := range lines {
		switch {
		case fence == "" && strings.HasPrefix(line, "## "):
			in = heading == "" || line == heading
		case !in || !strings.HasPrefix(line, "```"):
		case fence == "":
			fence, from = line, i+1
		default:
			body := lines[from:i]
			switch fence {
			case "```sql":
				blocks = append(blocks, tourBlock{line: from + 1, sql: statements(body)})
			case "```":
				if len(blocks) == 0 || blocks[len(blocks)-1].hasShow {
					t.Fatalf("line %d: a result without SQL before it", from)
				}
				b := &blocks[len(blocks)-1]
				b.shown, b.hasShow, b.from, b.to = strings.Join(body, "\n"), true, from, i
			case "```sh":
				if strings.Contains(strings.Join(body, "\n"), "kill -9") {
					blocks = append(blocks, tourBlock{line: from + 1, restart: true})
				}
			}
			fence = ""
		}
	}
	return blocks
}

// statements splits a block at lines that end with a semicolon; a line with a
// backslash is one by itself.
func statements(lines []string) []string {
	var out []string
	var sql strings.Builder
	for _, line := range lines {
		if strings.HasPrefix(line, `\`) {
			out = append(out, line)
			continue
		}
		sql.WriteString(line + "\n")
		if strings.HasSuffix(line, ";") {
			out = append(out, sql.String())
			sql.Reset()
		}
	}
	return out
}

// onlyReads: the block may run again.
func (b *tourBlock) onlyReads() bool {
	for _, sql := range b.sql {
		if !strings.HasPrefix(sql, "select") {
			return false
		}
	}
	return true
}

// run gives what the block's statements show; false where psql is needed and is
// not there.
func (b *tourBlock) run(t *testing.T, s *server, conn *pgconn.PgConn, folder string) (string, bool) {
	t.Helper()
	var shown []string
	for _, sql := range b.sql {
		sql = strings.ReplaceAll(sql, tourFolder, folder)
		shell, isShell := strings.CutPrefix(sql, `\! `)
		switch {
		case isShell && strings.HasPrefix(shell, "sleep"):
		case isShell:
			if out, err := osexec.Command("sh", "-c", shell).CombinedOutput(); err != nil {
				t.Fatalf("line %d: %s: %v\n%s", b.line, shell, err, out)
			}
		case sql == `\c`: // the test has connected
		case strings.HasPrefix(sql, `\`):
			psql, err := osexec.LookPath("psql")
			if err != nil {
				return "", false
			}
			cmd := osexec.Command(psql, "-X", "-d", s.url(), "-c", sql)
			cmd.Env = append(os.Environ(), "PAGER=cat", "PGCLIENTENCODING=UTF8", "LC_ALL=C")
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("line %d: %s: %v", b.line, sql, err)
			}
			shown = append(shown, strings.TrimRight(string(out), "\n"))
		default:
			if text := show(t.Context(), conn, sql); text != "" {
				shown = append(shown, text)
			}
		}
	}
	return strings.Join(shown, "\n\n"), true
}

// rightAligned are the OIDs of the types that psql puts at the right.
var rightAligned = map[uint32]bool{20: true, 21: true, 23: true, 26: true, 700: true, 701: true, 1700: true}

// show runs a statement and gives its rows or its error as psql shows them.
func show(ctx context.Context, conn *pgconn.PgConn, sql string) string {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err == nil && len(results) > 0 {
		err = results[0].Err
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		text := pe.Severity + ":  " + pe.Message
		if pe.Detail != "" {
			text += "\nDETAIL:  " + pe.Detail
		}
		if pe.Hint != "" {
			text += "\nHINT:  " + pe.Hint
		}
		return text
	}
	if err != nil {
		return err.Error()
	}
	if len(results) == 0 || len(results[0].FieldDescriptions) == 0 {
		return ""
	}
	return aligned(results[0])
}

// aligned is psql's default output of a result.
func aligned(r *pgconn.Result) string {
	width := make([]int, len(r.FieldDescriptions))
	for j, f := range r.FieldDescriptions {
		width[j] = utf8.RuneCountInString(f.Name)
		for _, row := range r.Rows {
			width[j] = max(width[j], utf8.RuneCount(row[j]))
		}
	}
	var head, rule []string
	for j, f := range r.FieldDescriptions {
		pad := width[j] - utf8.RuneCountInString(f.Name)
		head = append(head, " "+strings.Repeat(" ", pad/2)+f.Name+strings.Repeat(" ", pad-pad/2)+" ")
		rule = append(rule, strings.Repeat("-", width[j]+2))
	}
	out := []string{strings.Join(head, "|"), strings.Join(rule, "+")}
	for _, row := range r.Rows {
		var cells []string
		for j, v := range row {
			pad := strings.Repeat(" ", width[j]-utf8.RuneCount(v))
			if rightAligned[r.FieldDescriptions[j].DataTypeOID] {
				cells = append(cells, " "+pad+string(v)+" ")
			} else {
				cells = append(cells, " "+string(v)+pad+" ")
			}
		}
		out = append(out, strings.Join(cells, "|"))
	}
	unit := "rows"
	if len(r.Rows) == 1 {
		unit = "row"
	}
	return strings.Join(append(out, fmt.Sprintf("(%d %s)", len(r.Rows), unit)), "\n")
}

// TestReadmeNames checks that the flags and folders that the README speaks of exist.
func TestReadmeNames(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile("../cmd/streamdb/config.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `-([a-z-]+)").FindAllStringSubmatch(string(text), -1) {
		if !strings.Contains(string(config), `"`+m[1]+`"`) {
			t.Errorf("README.md has a flag -%s that the server does not have", m[1])
		}
	}
	for _, m := range regexp.MustCompile("`([a-z]+/)`").FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
			t.Errorf("README.md names %s: %v", m[1], err)
		}
	}
}
