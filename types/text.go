package types

import (
	"strings"
	"unicode/utf8"

	"streamdb/internal/sqlerr"
)

// checkText refuses what no text can hold: a zero byte, or invalid UTF-8 (22021).
func checkText(s string) error {
	if strings.IndexByte(s, 0) >= 0 {
		return sqlerr.New(sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": 0x00")
	}
	if !utf8.ValidString(s) {
		return errUTF8(s)
	}
	return nil
}

func errUTF8(s string) error {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n <= 1 {
			// Postgres shows as many bytes as the first one announces.
			want := 1
			switch c := s[i]; {
			case c&0xe0 == 0xc0:
				want = 2
			case c&0xf0 == 0xe0:
				want = 3
			case c&0xf8 == 0xf0:
				want = 4
			}
			var b strings.Builder
			const hex = "0123456789abcdef"
			for k, c := range []byte(s[i:min(len(s), i+want)]) {
				if k > 0 {
					b.WriteByte(' ')
				}
				b.WriteString("0x")
				b.WriteByte(hex[c>>4])
				b.WriteByte(hex[c&15])
			}
			return sqlerr.New(sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": %s", b.String())
		}
		i += n
	}
	return nil
}

// truncateName cuts an identifier to the 63 bytes of type name, between characters.
func truncateName(s string) string {
	if len(s) <= 63 {
		return s
	}
	n := 63
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// parseChar reads a "char": one byte, the first of s.
func parseChar(s string) string {
	if len(s) == 4 && s[0] == '\\' {
		n := 0
		for _, c := range []byte(s[1:]) {
			if c < '0' || c > '7' {
				return s[:1]
			}
			n = n*8 + int(c-'0')
		}
		return string([]byte{byte(n)})
	}
	if s == "" {
		return ""
	}
	return s[:1]
}

// prefixRunes returns the length in bytes of the first n characters of s, and
// whether s has more than n.
func prefixRunes(s string, n int) (bytes int, more bool) {
	if len(s) <= n {
		return len(s), false
	}
	i := 0
	for ; n > 0 && i < len(s); n-- {
		_, w := utf8.DecodeRuneInString(s[i:])
		i += w
	}
	return i, i < len(s)
}

// applyLength fits a string to varchar(n) or character(n). An explicit cast
// truncates; otherwise only blanks may be cut (22001). character(n) is padded.
func applyLength(t T, s string, explicit bool) (Datum, error) {
	if t.Mod <= 0 {
		return Datum{S: s}, nil
	}
	n := int(t.Mod - 1)
	at, more := prefixRunes(s, n)
	if more {
		if !explicit && strings.TrimRight(s[at:], " ") != "" {
			return Datum{}, sqlerr.New(sqlerr.StringDataRightTruncation, "value too long for type %s", t)
		}
		return Datum{S: s[:at]}, nil
	}
	if t.ID == Bpchar {
		if have := Runes(s); have < n {
			s += strings.Repeat(" ", n-have)
		}
	}
	return Datum{S: s}, nil
}

// ApplyMod fits a value to the modifiers of its type: length of strings,
// precision and scale of numeric, precision of times. explicit is a CAST, which
// truncates strings silently; otherwise too long a string is error 22001.
func ApplyMod(t T, d Datum, explicit bool) (Datum, error) {
	if d.Null {
		return d, nil
	}
	if t.ID == Array && t.Elem != nil && t.Elem.Mod > 0 {
		return applyModArray(t, d, explicit)
	}
	if t.Mod <= 0 {
		return d, nil
	}
	switch t.ID {
	case Text, Bpchar:
		return applyLength(t, d.S, explicit)
	case Numeric:
		x, err := DecodeDecimal(bytesOf(d.S)).ApplyMod(t)
		if err != nil {
			return Datum{}, err
		}
		return x.Datum(), nil
	case Time:
		d.I = roundMicros(d.I, t.Mod)
	case Timestamp, TimestampTZ:
		d.I = roundTimestamp(d.I, t.Mod)
	case Interval:
		return DecodeInterval(bytesOf(d.S)).ApplyMod(t.Mod).Datum(), nil
	}
	return d, nil
}

// trimBpchar cuts the blanks that do not count in a character(n).
func trimBpchar(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}
