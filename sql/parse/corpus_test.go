package parse

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Corpora that stand beside the checkout; tests skip what is not there.
const (
	sltDir   = "../../../shared/slt"
	psqlFile = "../../../shared/data/psql15-catalog-queries.json"
)

// record is the SQL of one record of a SQL logic test.
type record struct {
	file string
	sql  string
	fail bool // the record expects an error
}

// sltRecords reads the records of all files below dir.
func sltRecords(t testing.TB, dir string) []record {
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no corpus: %v", err)
	}
	var out []record
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, ".slt") {
			return err
		}
		b, err := os.ReadFile(path)
		out = append(out, sltParse(path, string(b))...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sltParse cuts a file into records: a directive, then SQL up to a blank line or
// the expected result.
func sltParse(file, text string) []record {
	var out []record
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		f := strings.Fields(lines[i])
		if len(f) < 2 || f[0] != "statement" && f[0] != "query" || strings.HasPrefix(lines[i], "#") {
			continue
		}
		r := record{file: file, fail: f[1] == "error"}
		var sql []string
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "" && lines[i] != "----"; i++ {
			sql = append(sql, lines[i])
		}
		r.sql = strings.Join(sql, "\n")
		if !strings.Contains(r.sql, "${") && !strings.Contains(r.sql, "$__") {
			out = append(out, r)
		}
	}
	return out
}

// psqlQueries are the catalog queries that psql sends.
func psqlQueries(t testing.TB) []record {
	b, err := os.ReadFile(psqlFile)
	if err != nil {
		t.Skipf("no corpus: %v", err)
	}
	var qs []string
	if err := json.Unmarshal(b, &qs); err != nil {
		t.Fatal(err)
	}
	var out []record
	for _, q := range qs {
		out = append(out, record{file: "psql", sql: q})
	}
	return out
}

// TestCorpus parses every record of the corpora and prints and parses it again.
func TestCorpus(t *testing.T) {
	for name, load := range map[string]func(testing.TB) []record{
		"slt":  func(t testing.TB) []record { return sltRecords(t, sltDir) },
		"psql": psqlQueries,
	} {
		t.Run(name, func(t *testing.T) {
			p := New()
			total, parsed := 0, 0
			for _, r := range load(t) {
				stmts, err := p.Parse(r.sql)
				if r.fail && err != nil {
					continue // the fault may well be one of syntax
				}
				total++
				if err != nil {
					t.Logf("%s: %v: %s", r.file, err, words(r.sql))
					continue
				}
				parsed++
				for _, s := range stmts {
					if err := fixpoint(p, s.Stmt); err != nil {
						t.Errorf("%s: %v", r.file, err)
					}
				}
			}
			share := 100 * float64(parsed) / float64(max(total, 1))
			t.Logf("%d of %d records parsed, %.2f %%", parsed, total, share)
			if share < 99.5 {
				t.Errorf("only %.2f %% of the records parsed", share)
			}
		})
	}
}
