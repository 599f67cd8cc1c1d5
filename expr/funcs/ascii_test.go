package funcs

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestChangeCase holds the change of case by words against the library's.
func TestChangeCase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.SampledFrom([]rune("@AMZ[`amz{\x00\x7f 09"))).Draw(t, "s")
		if rapid.IntRange(0, 3).Draw(t, "beyond") == 0 {
			s += rapid.String().Draw(t, "more")
		}
		plain := strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
		for from, want := range map[byte]string{'A': strings.ToLower(s), 'a': strings.ToUpper(s)} {
			dst := make([]byte, len(s))
			if ok := changeCase(dst, []byte(s), from); ok != plain {
				t.Fatalf("%q: %v", s, ok)
			} else if ok && string(dst) != want {
				t.Fatalf("%q from %c: %q, want %q", s, from, dst, want)
			}
		}
	})
}
