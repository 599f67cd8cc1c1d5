package file

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"streamdb/connector"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

var testSchema = types.Schema{{Name: "a", Type: types.Of(types.Int8)}, {Name: "b", Type: types.Of(types.Text)}}

func config(encode string, options ...string) connector.Config {
	cfg := connector.Config{Name: "f", Format: "PLAIN", Encode: encode, Schema: testSchema, Options: map[string]string{}, EncodeOptions: map[string]string{}}
	for i := 0; i < len(options); i += 2 {
		if strings.HasPrefix(options[i], "with") || options[i] == "delimiter" {
			cfg.EncodeOptions[options[i]] = options[i+1]
		} else {
			cfg.Options[options[i]] = options[i+1]
		}
	}
	return cfg
}

func write(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// tail is a reader with its place, and everything it has read.
type tail struct {
	t    *testing.T
	r    connector.Reader
	next int64
	rows []string
	bad  []string
	done bool
}

func follow(t *testing.T, cfg connector.Config, name string, offset int64) *tail {
	t.Helper()
	src, err := Def().OpenSource(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	r, err := src.Open(context.Background(), connector.Split{ID: name}, offset, []int{1, 0})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return &tail{t: t, r: r, next: offset}
}

func (x *tail) read(max int) error {
	c := &connector.Chunk{Cols: []*vec.Builder{vec.NewBuilder(types.LBytes, 0), vec.NewBuilder(types.LInt64, 0)}, Next: x.next}
	if err := x.r.Read(context.Background(), c, max); err != nil {
		return err
	}
	b, a := c.Cols[0].Vec(), c.Cols[1].Vec()
	for i, off := range c.Offsets {
		x.rows = append(x.rows, fmt.Sprintf("%d:%d%s", off, a.I64[i], b.Bytes(i)))
	}
	for _, bad := range c.Bad {
		x.bad = append(x.bad, fmt.Sprintf("%d:%s:%s", bad.Offset, bad.Raw, sqlerr.Code(bad.Err)))
	}
	x.next, x.done = c.Next, c.Done
	return nil
}

func (x *tail) want(rows ...string) {
	x.t.Helper()
	if err := x.read(100); err != nil {
		x.t.Fatal(err)
	}
	if !slices.Equal(x.rows, rows) {
		x.t.Errorf("got %.300q, want %.300q", x.rows, rows)
	}
}

func TestFollow(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.json")
	write(t, name, "{\"a\":1,\"b\":\"x\"}\n\n{\"a\":2,\"b\":\"y\"}\n{\"a\":3,")
	x := follow(t, config("JSON", "path", name), name, 0)
	x.want("0:1x", "17:2y")
	x.want("0:1x", "17:2y")
	write(t, name, "\"b\":\"z\"}")
	x.want("0:1x", "17:2y")
	write(t, name, "\nnonsense\n{\"a\":4,\"b\":\"w\"}\n")
	x.want("0:1x", "17:2y", "33:3z", "58:4w")
	if want := []string{"49:nonsense:22P02"}; !slices.Equal(x.bad, want) {
		t.Errorf("bad lines %v, want %v", x.bad, want)
	}
	again := follow(t, config("JSON", "path", name), name, 33)
	again.want("33:3z", "58:4w")
}

func TestHeaderAndEnd(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.csv")
	write(t, name, "b;x;a\nu;0;1\nv;0;2")
	cfg := config("CSV", "path", name, "delimiter", ";", "without_header", "false", "follow", "false")
	x := follow(t, cfg, name, 0)
	x.want("6:1u", "12:2v")
	if !x.done {
		t.Error("a file that is not followed has no end")
	}
	for _, offset := range []int64{6, 12} {
		again := follow(t, cfg, name, offset)
		again.want([]string{"6:1u", "12:2v"}[offset/6-1:]...)
	}
}

func TestSplits(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	for _, n := range []string{"b.json", "a.json", "c.csv", ".hidden.json"} {
		write(t, filepath.Join(dir, n), "{}\n{}")
	}
	list := func(options ...string) string {
		t.Helper()
		src, err := Def().OpenSource(ctx, config("JSON", options...))
		if err != nil {
			t.Fatal(err)
		}
		splits, err := src.Splits(ctx)
		if err != nil {
			return "error"
		}
		var names []string
		for _, s := range splits {
			names = append(names, fmt.Sprint(filepath.Base(s.ID), s.End))
		}
		return strings.Join(names, " ")
	}
	for _, c := range []struct {
		options []string
		want    string
	}{
		{[]string{"path", dir}, "a.json3 b.json3 c.csv3"},
		{[]string{"path", dir, "match_pattern", "*.json"}, "a.json3 b.json3"},
		{[]string{"path", dir + "/b*"}, "b.json3"},
		{[]string{"path", dir + "/b*", "follow", "false"}, "b.json5"},
		{[]string{"path", dir + "/none"}, ""},
		{[]string{"path", dir + "/none", "follow", "false"}, "error"},
	} {
		if got := list(c.options...); got != c.want {
			t.Errorf("%v: %q, want %q", c.options, got, c.want)
		}
	}
}

func TestTruncatedAndReplaced(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.json")
	write(t, name, "{\"a\":1,\"b\":\"x\"}\n")
	x := follow(t, config("JSON", "path", name), name, 0)
	x.want("0:1x")
	x.r.(*reader).looked = time.Time{}
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, name, strings.Repeat("{\"a\":1,\"b\":\"x\"}\n", 2))
	if err := x.read(10); err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("after a rename: %v", err)
	}
	x = follow(t, config("JSON", "path", name), name, 16)
	x.want("16:1x")
	x.r.(*reader).looked = time.Time{}
	if err := os.Truncate(name, 3); err != nil {
		t.Fatal(err)
	}
	if err := x.read(10); err == nil || !strings.Contains(err.Error(), "truncated") {
		t.Errorf("after truncation: %v", err)
	}
	src, _ := Def().OpenSource(context.Background(), config("JSON", "path", name))
	if _, err := src.Open(context.Background(), connector.Split{ID: name}, 16, nil); err == nil || !strings.Contains(err.Error(), "truncated") {
		t.Errorf("opening a truncated file: %v", err)
	}
}

func TestLongLines(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.json")
	long := strings.Repeat("q", 3*readSize)
	write(t, name, fmt.Sprintf("{\"a\":1,\"b\":%q}\n{\"a\":2,\"b\":\"x\"}\n", long))
	x := follow(t, config("JSON", "path", name), name, 0)
	x.want("0:1"+long, fmt.Sprintf("%d:2x", len(long)+15))
}
