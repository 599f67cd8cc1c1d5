package connector

import (
	"sort"
	"strconv"
	"strings"

	"streamdb/internal/sqlerr"
)

// CheckOptions rejects options that the connector does not know, with the
// nearest known name as a hint, and reports required ones that are missing.
// sink chooses between the two lists of def.
func CheckOptions(def *Def, cfg Config, sink bool) error {
	known, kind := def.SourceOptions, "source"
	if sink {
		known, kind = def.SinkOptions, "sink"
	}
	names := make([]string, 0, len(cfg.Options))
	for name := range cfg.Options {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if !knownOption(known, name) {
			e := sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized option %q of connector %s for a %s", name, def.Name, kind)
			if near := nearest(known, name); near != "" {
				return e.WithHint("Perhaps you meant %q.", near)
			}
			return e.WithHint("Known options: %s.", optionNames(known))
		}
	}
	for _, o := range known {
		if _, ok := cfg.Options[o.Name]; o.Required && !ok {
			return sqlerr.New(sqlerr.InvalidParameterValue, "option %q of connector %s is required", o.Name, def.Name).
				WithHint("%s: %s", o.Name, o.Doc)
		}
	}
	return checkFormat(def, cfg, sink)
}

func checkFormat(def *Def, cfg Config, sink bool) error {
	got := strings.TrimSpace(cfg.Format + " " + cfg.Encode)
	if sink && len(def.Formats) == 0 || got == "" && len(def.Formats) == 0 {
		return nil
	}
	if len(def.Formats) == 0 {
		if got == "NATIVE" || got == "NATIVE NATIVE" || got == "PLAIN NATIVE" {
			return nil
		}
		return sqlerr.New(sqlerr.InvalidParameterValue, "connector %s makes rows by itself and takes no FORMAT", def.Name)
	}
	for _, f := range def.Formats {
		if f == got {
			return nil
		}
	}
	if got == "" && !sink && def.FormatOptional {
		return nil
	}
	if got == "" {
		return sqlerr.New(sqlerr.InvalidParameterValue, "connector %s needs FORMAT .. ENCODE ..", def.Name).
			WithHint("One of: %s.", formatList(def.Formats))
	}
	return sqlerr.Unsupported("FORMAT %s ENCODE %s with connector %s", cfg.Format, cfg.Encode, def.Name).
		WithHint("One of: %s.", formatList(def.Formats))
}

func formatList(formats []string) string {
	texts := make([]string, len(formats))
	for i, f := range formats {
		format, encode, _ := strings.Cut(f, " ")
		texts[i] = "FORMAT " + format + " ENCODE " + encode
	}
	return strings.Join(texts, ", ")
}

func knownOption(known []Option, name string) bool {
	for _, o := range known {
		if o.Name == name {
			return true
		}
		if prefix, ok := strings.CutSuffix(o.Name, "*"); ok && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func optionNames(known []Option) string {
	names := make([]string, len(known))
	for i, o := range known {
		names[i] = o.Name
	}
	return strings.Join(names, ", ")
}

// nearest is the known option that name most likely misspells, "" if none is near.
func nearest(known []Option, name string) string {
	best, at := "", len(name)/2+1
	for _, o := range known {
		if d := distance(o.Name, name); d < at {
			best, at = o.Name, d
		}
		// the name without its family: split.num for nexmark.split.num
		if strings.HasSuffix(o.Name, "."+name) {
			return o.Name
		}
	}
	return best
}

// distance is the number of single-character edits from a to b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// Int is an integer option, def if it was not given.
func (c *Config) Int(name string, def int64) (int64, error) {
	text, ok := c.Options[name]
	if !ok {
		return def, nil
	}
	v, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "option %q must be an integer, not %q", name, text)
	}
	return v, nil
}

// Bool is a boolean option, def if it was not given.
func (c *Config) Bool(name string, def bool) (bool, error) {
	text, ok := c.Options[name]
	if !ok {
		return def, nil
	}
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "t", "on", "yes", "1":
		return true, nil
	case "false", "f", "off", "no", "0":
		return false, nil
	}
	return false, sqlerr.New(sqlerr.InvalidParameterValue, "option %q must be true or false, not %q", name, text)
}

// Text is an option's text, def if it was not given.
func (c *Config) Text(name, def string) string {
	if text, ok := c.Options[name]; ok {
		return text
	}
	return def
}
