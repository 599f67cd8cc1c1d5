package types

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// TestRunes holds the number of characters against the library's.
func TestRunes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s") + strings.Repeat("x", rapid.IntRange(0, 20).Draw(t, "plain")) + rapid.StringOf(rapid.SampledFrom([]rune("aé€😀\x7f\u0080\u07ff\u0800\uffff"))).Draw(t, "t")
		if got, want := Runes(s), utf8.RuneCountInString(s); got != want {
			t.Fatalf("%q: %d characters, want %d", s, got, want)
		}
	})
}
