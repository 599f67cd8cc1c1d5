package file

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"streamdb/connector"
	"streamdb/connector/format"
	"streamdb/internal/sqlerr"
)

// Def is the connector.
func Def() *connector.Def {
	return &connector.Def{
		Name: "file",
		Doc:  "Lines of files on the server, followed as they grow.",
		SourceOptions: []connector.Option{
			{Name: "path", Required: true, Doc: "a file, a directory, or a pattern such as /data/*.json"},
			{Name: "match_pattern", Doc: "of a directory: only files whose name matches, such as *.csv"},
			{Name: "follow", Default: "true", Doc: "wait for more lines and files; false: the files that are there, to their ends"},
		},
		Formats:    []string{"PLAIN JSON", "PLAIN CSV"},
		Check:      func(cfg connector.Config) error { _, err := parse(cfg); return err },
		OpenSource: open,
		Bounded: func(cfg connector.Config) bool {
			o, err := parse(cfg)
			return err == nil && !o.follow
		},
	}
}

type options struct {
	path, match string
	follow      bool
}

func parse(cfg connector.Config) (*options, error) {
	o := &options{path: cfg.Text("path", ""), match: cfg.Text("match_pattern", "")}
	if !filepath.IsAbs(o.path) {
		return nil, sqlerr.New(sqlerr.InvalidName, "path %q of source %s is not absolute", o.path, cfg.Name)
	}
	for _, p := range []string{o.path, o.match} {
		if _, err := filepath.Match(p, ""); err != nil {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "%q is not a valid pattern", p)
		}
	}
	var err error
	if o.follow, err = cfg.Bool("follow", true); err != nil {
		return nil, err
	}
	return o, format.Check(cfg)
}

type source struct {
	o   *options
	cfg connector.Config
}

func open(_ context.Context, cfg connector.Config) (connector.Source, error) {
	o, err := parse(cfg)
	if err != nil {
		return nil, err
	}
	return &source{o: o, cfg: cfg}, nil
}

func (s *source) Close() error { return nil }

// Splits lists the files by name. A path that does not exist (yet) is no error
// when it is followed.
func (s *source) Splits(context.Context) ([]connector.Split, error) {
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	var splits []connector.Split
	for _, name := range names {
		end, err := s.end(name)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		splits = append(splits, connector.Split{ID: name, End: end})
	}
	return splits, nil
}

func (s *source) names() ([]string, error) {
	info, err := os.Stat(s.o.path)
	switch {
	case err == nil && info.IsDir():
		entries, err := os.ReadDir(s.o.path)
		if err != nil {
			return nil, err
		}
		var names []string
		for _, e := range entries { // sorted by name
			if e.IsDir() || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			if ok, _ := filepath.Match(s.o.match, e.Name()); ok || s.o.match == "" {
				names = append(names, filepath.Join(s.o.path, e.Name()))
			}
		}
		return names, nil
	case err == nil:
		return []string{s.o.path}, nil
	case !os.IsNotExist(err):
		return nil, err
	}
	names, err := filepath.Glob(s.o.path)
	if err == nil && len(names) == 0 && !s.o.follow {
		return nil, fmt.Errorf("no file matches %s", s.o.path)
	}
	sort.Strings(names)
	return names, err
}

// end is the offset behind the last complete line.
func (s *source) end(name string) (int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size()
	if !s.o.follow {
		return size, nil // the last line needs no line break
	}
	buf := make([]byte, 4096)
	for at := size; at > 0; {
		from := max(0, at-int64(len(buf)))
		part := buf[:at-from]
		if _, err := f.ReadAt(part, from); err != nil && err != io.EOF {
			return 0, err
		}
		for i := len(part) - 1; i >= 0; i-- {
			if part[i] == '\n' {
				return from + int64(i) + 1, nil
			}
		}
		at = from
	}
	return 0, nil
}
