package datagen

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"streamdb/connector"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// Def is the connector.
func Def() *connector.Def {
	return &connector.Def{
		Name: "datagen",
		Doc:  "Made-up rows: sequences and random values.",
		SourceOptions: []connector.Option{
			{Name: "datagen.rows.per.second", Default: "10", Doc: "rows a second, of all splits together"},
			{Name: "datagen.split.num", Default: "1", Doc: "number of splits; a sequence is dealt to them in turn"},
			{Name: "fields.*", Doc: "fields.<column>.kind = sequence (start, end) or random (min, max, length, max_past, max_past_mode, basetime, seed)"},
		},
		Formats:        []string{"PLAIN JSON"},
		FormatOptional: true,
		Check:          func(cfg connector.Config) error { _, err := parse(cfg); return err },
		OpenSource:     open,
		Bounded: func(cfg connector.Config) bool {
			o, err := parse(cfg)
			return err == nil && o.rows >= 0
		},
	}
}

type options struct {
	perSecond int64
	splits    int64
	rows      int64 // of all splits, where a sequence ends; -1: no end
	fields    []field
}

// field is how a column is made.
type field struct {
	t        types.T
	name     string
	sequence bool
	start    int64 // sequence
	min, max int64 // random integers
	lo, hi   float64
	length   int64 // of random strings
	maxPast  int64 // us
	base     int64 // us; 0: the clock
	seed     uint64
}

const (
	defaultMax = math.MaxInt16
	day        = int64(24 * time.Hour / time.Microsecond)
)

func parse(cfg connector.Config) (*options, error) {
	o := &options{rows: -1}
	var err error
	if o.perSecond, err = cfg.Int("datagen.rows.per.second", 10); err != nil {
		return nil, err
	}
	if o.splits, err = cfg.Int("datagen.split.num", 1); err != nil {
		return nil, err
	}
	if o.perSecond < 1 || o.splits < 1 {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "datagen.rows.per.second and datagen.split.num must be at least 1")
	}
	used := map[string]bool{}
	for i, c := range cfg.Schema {
		f, err := parseField(cfg, c, uint64(i), used)
		if err != nil {
			return nil, err
		}
		if f.sequence {
			if n := f.max - f.start + 1; o.rows < 0 || n < o.rows {
				o.rows = max(n, 0)
			}
		}
		o.fields = append(o.fields, f)
	}
	for name := range cfg.Options {
		if strings.HasPrefix(name, "fields.") && !used[name] && len(cfg.Schema) > 0 {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "option %q fits no column of source %s", name, cfg.Name)
		}
	}
	return o, nil
}

func parseField(cfg connector.Config, c types.Column, column uint64, used map[string]bool) (field, error) {
	f := field{t: c.Type, name: c.Name, max: defaultMax, hi: defaultMax, length: 10, maxPast: day, seed: column * 0x9e3779b97f4a7c15}
	var err error
	get := func(what string) (string, bool) {
		name := "fields." + c.Name + "." + what
		text, ok := cfg.Options[name]
		if ok {
			used[name] = true
		}
		return text, ok
	}
	bad := func(what, text string) error {
		return sqlerr.New(sqlerr.InvalidParameterValue, "fields.%s.%s cannot be %q", c.Name, what, text)
	}
	integer := func(what string, to *int64) {
		text, ok := get(what)
		if !ok || err != nil {
			return
		}
		x, e := strconv.ParseInt(text, 10, 64)
		if e != nil {
			err = bad(what, text)
			return
		}
		*to = x
	}
	switch kind, ok := get("kind"); kind {
	case "sequence":
		f.sequence = true
	case "random":
	default:
		if ok {
			return f, bad("kind", kind)
		}
	}
	seed := int64(-1)
	if integer("seed", &seed); seed >= 0 {
		f.seed = uint64(seed)
	}
	switch f.t.ID {
	case types.Int2, types.Int4, types.Int8, types.Float4, types.Float8, types.Numeric:
		if f.sequence {
			integer("start", &f.start)
			integer("end", &f.max)
			break
		}
		for what, to := range map[string]*float64{"min": &f.lo, "max": &f.hi} {
			if text, ok := get(what); ok && err == nil {
				if *to, err = strconv.ParseFloat(text, 64); err != nil {
					err = bad(what, text)
				}
			}
		}
		f.min, f.max = int64(f.lo), int64(f.hi)
		if f.t.Layout() == types.LInt64 {
			integer("min", &f.min)
			integer("max", &f.max)
		}
		if err == nil && (f.min > f.max || f.lo > f.hi) {
			err = sqlerr.New(sqlerr.InvalidParameterValue, "fields.%s.min is above its max", c.Name)
		}
	case types.Text:
		integer("length", &f.length)
		if f.length < 0 || f.length > 1<<20 {
			err = sqlerr.New(sqlerr.InvalidParameterValue, "fields.%s.length must be between 0 and %d", c.Name, 1<<20)
		}
	case types.Bool:
	case types.Timestamp, types.TimestampTZ, types.Date:
		if e := f.parsePast(get); e != nil {
			return f, e
		}
	default:
		return f, sqlerr.Unsupported("a datagen column of type %s", f.t)
	}
	if f.sequence && f.t.ID >= types.Text {
		return f, sqlerr.Unsupported("a datagen sequence of type %s", f.t)
	}
	return f, err
}

// parsePast reads what random times are relative to.
func (f *field) parsePast(get func(string) (string, bool)) error {
	if text, ok := get("max_past"); ok {
		d, err := types.ParseText(types.Of(types.Interval), text, nil)
		if err != nil {
			return err
		}
		zero, err := types.ParseText(types.Of(types.Timestamp), "epoch", nil)
		if err != nil {
			return err
		}
		at, err := types.TimestampAdd(zero.I, types.DecodeInterval([]byte(d.S)))
		if err != nil {
			return err
		}
		if f.maxPast = at; at < 0 {
			return sqlerr.New(sqlerr.InvalidParameterValue, "fields.%s.max_past is negative", f.name)
		}
	}
	if mode, ok := get("max_past_mode"); ok && mode != "relative" && mode != "absolute" {
		return sqlerr.New(sqlerr.InvalidParameterValue, "fields.%s.max_past_mode must be absolute or relative, not %q", f.name, mode)
	}
	if text, ok := get("basetime"); ok {
		d, err := types.ParseText(types.Of(types.TimestampTZ), text, nil)
		if err != nil {
			return err
		}
		f.base = d.I
	}
	return nil
}

type source struct{ o *options }

func open(_ context.Context, cfg connector.Config) (connector.Source, error) {
	o, err := parse(cfg)
	if err != nil {
		return nil, err
	}
	return &source{o}, nil
}

func (s *source) Close() error { return nil }

// Splits: row n of the source is row n / splits of split n % splits.
func (s *source) Splits(context.Context) ([]connector.Split, error) {
	splits := make([]connector.Split, s.o.splits)
	for i := range splits {
		splits[i] = connector.Split{ID: strconv.Itoa(i), End: -1}
		if s.o.rows >= 0 {
			splits[i].End = (s.o.rows - int64(i) + s.o.splits - 1) / s.o.splits
		}
	}
	return splits, nil
}

func (s *source) Open(_ context.Context, split connector.Split, offset int64, cols []int) (connector.Reader, error) {
	number, err := strconv.ParseInt(split.ID, 10, 64)
	if err != nil || number < 0 || number >= s.o.splits {
		return nil, fmt.Errorf("there is no split %q", split.ID)
	}
	r := &reader{o: s.o, split: number, end: split.End, from: offset, started: time.Now()}
	if r.end < 0 {
		r.end = math.MaxInt64
	}
	for _, c := range cols {
		r.fields = append(r.fields, &s.o.fields[c])
	}
	return r, nil
}
