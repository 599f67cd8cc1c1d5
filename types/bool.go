package types

// ParseBool reads a boolean as Postgres does: any unique prefix of true, false,
// yes, no, on, off, in any case, or 1 or 0, with blanks around it.
func ParseBool(s string) (b, ok bool) {
	s = trimSpace(s)
	if len(s) == 0 || len(s) > 5 {
		return false, false
	}
	switch s[0] | 0x20 {
	case 't':
		return true, foldPrefix(s, "true")
	case 'f':
		return false, foldPrefix(s, "false")
	case 'y':
		return true, foldPrefix(s, "yes")
	case 'n':
		return false, foldPrefix(s, "no")
	case 'o':
		if len(s) == 2 && foldPrefix(s, "on") {
			return true, true
		}
		return false, len(s) > 1 && foldPrefix(s, "off")
	}
	if len(s) == 1 && (s[0] == '0' || s[0] == '1') {
		return s[0] == '1', true
	}
	return false, false
}

// foldPrefix reports whether s, in any case, is a prefix of the lower-case word.
func foldPrefix(s, word string) bool {
	if len(s) > len(word) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// trimSpace cuts what C's isspace calls blank from both ends.
func trimSpace(s string) string {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// AppendBool appends t or f.
func AppendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 't')
	}
	return append(dst, 'f')
}
