package funcs

import (
	"testing"

	"pgregory.net/rapid"
)

// TestLikeForms: the forms of patterns that are matched in a short way match what
// the general one does.
func TestLikeForms(t *testing.T) {
	for _, c := range []struct {
		s, pattern string
		want       bool
	}{
		{"special requests", "%special%requests%", true}, {"requests special", "%special%requests%", false},
		{"abcabc", "abc%abc", true}, {"abc", "abc%abc", false}, {"aXbYc", "a%b%c", true}, {"aXbYcd", "a%b%c", false}, {"ab", "a%%b", true},
	} {
		var cache likeCache
		if got, err := cache.match(c.s, c.pattern, false); err != nil || got != c.want {
			t.Errorf("%q like %q: %v %v", c.s, c.pattern, got, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.RuneFrom([]rune("abé")), 0, 8, -1).Draw(t, "s")
		p := rapid.StringOfN(rapid.RuneFrom([]rune("abé%%")), 0, 7, -1).Draw(t, "pattern")
		var cache likeCache
		got, err := cache.match(s, p, false)
		if err != nil {
			t.Fatal(err)
		}
		if want, _ := likeMatch(s, p); got != want {
			t.Fatalf("%q like %q: %v, want %v", s, p, got, want)
		}
	})
}
