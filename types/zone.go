package types

import (
	"math"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones must load on machines without a zone database

	"streamdb/internal/sqlerr"
)

func roundEven(f float64) int64 { return int64(math.RoundToEven(f)) }

var zones sync.Map // name as given -> *time.Location

// LoadZone finds a time zone by name, in any case ("Europe/Paris", "utc"). The
// error is Postgres's 22023.
func LoadZone(name string) (*time.Location, error) {
	if loc, ok := zones.Load(name); ok {
		return loc.(*time.Location), nil
	}
	loc, ok := loadZone(name)
	if !ok {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "time zone \"%s\" not recognized", name)
	}
	zones.Store(name, loc)
	return loc, nil
}

func loadZone(name string) (*time.Location, bool) {
	lower := strings.ToLower(name)
	switch lower {
	case "", "local", ".", "..":
		return nil, false
	case "utc", "zulu", "uct", "etc/utc", "etc/uct", "etc/zulu":
		return time.UTC, true
	}
	if strings.Contains(name, "..") {
		return nil, false
	}
	for _, try := range []string{name, strings.ToUpper(name), titleZone(lower)} {
		if loc, err := time.LoadLocation(try); err == nil {
			return loc, true
		}
	}
	return posixZone(name)
}

// titleZone capitalises the words of a zone's name: america/port_of_spain.
func titleZone(s string) string {
	b := []byte(s)
	up := true
	for i, c := range b {
		if up && c >= 'a' && c <= 'z' {
			b[i] = c &^ 0x20
		}
		up = c == '/' || c == '_' || c == '-'
	}
	out := string(b)
	for _, w := range []string{"_Of_", "_Es_", "-Au-", "_De_", "-Of-", "-De-"} {
		out = strings.ReplaceAll(out, w, strings.ToLower(w))
	}
	for _, p := range []string{"Etc/Gmt"} {
		if strings.HasPrefix(out, p) {
			out = "Etc/GMT" + out[len(p):]
		}
	}
	return out
}

// posixZone reads a POSIX specification without daylight saving: letters or
// <..>, then hours west of Greenwich (UTC+3, <+03>-3, +05:30). The sign is POSIX's.
func posixZone(s string) (*time.Location, bool) {
	abbrev, rest := "", s
	if strings.HasPrefix(s, "<") {
		i := strings.IndexByte(s, '>')
		if i < 0 {
			return nil, false
		}
		abbrev, rest = s[1:i], s[i+1:]
	} else {
		i := 0
		for i < len(s) && isAlpha(s[i]) {
			i++
		}
		abbrev, rest = strings.ToUpper(s[:i]), s[i:]
	}
	if rest == "" {
		return nil, false
	}
	if isDigit(rest[0]) {
		rest = "+" + rest
	}
	if len(rest) < 2 || !isDigit(rest[1]) {
		return nil, false
	}
	off, e := decodeOffset(rest)
	if e != dtOK {
		return nil, false
	}
	if abbrev == "" {
		abbrev = string(appendOffset(nil, int(-off)))
	}
	return time.FixedZone(abbrev, int(-off)), true
}

// ZoneOf resolves the zone of AT TIME ZONE and SET TIME ZONE: an abbreviation
// (est), a name, or a POSIX specification. Errors: 22023.
func ZoneOf(name string) (*time.Location, error) {
	if w, ok := dtWords[strings.ToLower(name)]; ok && w.kind == wZone {
		if w.value == 0 {
			return time.UTC, nil
		}
		return time.FixedZone(strings.ToUpper(name), w.value), nil
	}
	return LoadZone(name)
}

// ZoneOfInterval is the fixed zone of SET TIME ZONE INTERVAL and of a number of
// hours: seconds east of UTC.
func ZoneOfInterval(seconds int) *time.Location {
	if seconds == 0 {
		return time.UTC
	}
	return time.FixedZone(string(appendOffset(nil, seconds)), seconds)
}
