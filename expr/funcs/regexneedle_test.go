package funcs

import (
	"math/rand"
	"slices"
	"strings"
	"testing"
)

// TestNeedle holds searches that begin near a literal against plain ones, over
// random texts of the patterns' own letters.
func TestNeedle(t *testing.T) {
	patterns := []struct {
		pattern, flags, needle string
		before                 int
	}{
		{`(&|^)id=([^&]*)`, "", "id=", 4}, {`^id=`, "", "id=", 0}, {`\yid`, "", "id", 0}, {`\Yid`, "", "id", 0}, {`[a-c&]?id=d*`, "", "id=", 4},
		{`(a|bc)id`, "", "id", 8}, {`a*id=`, "", "id=", -1}, {`.id=`, "n", "id=", 4}, {`^id=$`, "w", "id=", 0}, {`.{1,2}id`, "", "id", 8},
		{`(é|i)id=`, "", "id=", 4}, {`id.*?=i`, "", "id", 0}, {`id=`, "i", "", -1}, {`id|=`, "", "", -1}, {`a+?id=`, "", "id=", -1},
	}
	rng := rand.New(rand.NewSource(1))
	letters := []string{"i", "d", "=", "id", "id=", "&", "a", "b", "c", "\n", " ", "é", "&id=", "\xff"}
	matched := 0
	for _, p := range patterns {
		re, err := CompileRegex(p.pattern, p.flags)
		if err != nil {
			t.Fatal(err)
		}
		r := newRegex(re)
		if r.needle != p.needle || r.before != p.before {
			t.Errorf("%s: the needle is %q, %d bytes from the beginning", p.pattern, r.needle, r.before)
		}
		for range 3000 {
			var text strings.Builder
			for range rng.Intn(20) {
				text.WriteString(letters[rng.Intn(len(letters))])
			}
			s := text.String()
			want := re.FindStringSubmatchIndex(s)
			if got := r.FindStringSubmatchIndex(s); !slices.Equal(got, want) || r.MatchString(s) != (want != nil) {
				t.Fatalf("%s in %q: %v, want %v", p.pattern, s, got, want)
			}
			if want != nil {
				matched++
			}
		}
	}
	if matched < 5000 {
		t.Errorf("only %d texts match", matched)
	}
}

// TestPlain holds patterns that are matched without a search against the library,
// over random texts of their own letters.
func TestPlain(t *testing.T) {
	rng := rand.New(rand.NewSource(2))
	letters := []string{"i", "d", "=", "id", "id=", "&", "a", "b", "c", "\n", " ", "é", "&id=", "\xff", "/", "aa", "ü", ";", "1", "23"}
	for _, p := range []struct {
		pattern, flags string
		plain          bool
	}{
		{`(&|^)id=([^&]*)`, "", true}, {`id=([^&]*)&`, "", true}, {`id=([a-c]+)([^a-c]|&)`, "", true}, {`id=([a-c]+)[^a-d]`, "", true}, {`[&a]id(=)(\d+)`, "", true},
		{`^id=(.*)$`, "", true}, {`(&|;)?id=[^&;]+`, "", false}, {`[&;]?id=[^&;]+`, "", true}, {`id=(a*)(a)`, "", false}, {`id=([^/]*)/([^/]*)/`, "", true}, {`id=(.*)&`, "", false},
		{`id=([^&]*?)&`, "", false}, {`(^|[&;])id=`, "n", false}, {`id(=|&)`, "", true}, {`aid=(é*)`, "", false}, {`id=([^é]*)`, "", false}, {`idé([a-c]*)$`, "", true},
		{`(a|b|)id=([abc]*)=`, "", true}, {`aa(b*)`, "", true}, {`[a&]aa(b*)`, "", false}, {`id=([^\n]+)`, "", true}, {`.id=(.+)`, "", false}, {`&?id=`, "i", false},
	} {
		re, err := CompileRegex(p.pattern, p.flags)
		if err != nil {
			t.Fatal(err)
		}
		r := newRegex(re)
		if (r.plain != nil) != p.plain {
			t.Errorf("%s: plain is %v", p.pattern, !p.plain)
		}
		matched := 0
		for range 4000 {
			var text strings.Builder
			for range rng.Intn(14) {
				text.WriteString(letters[rng.Intn(len(letters))])
			}
			s := text.String()
			want := re.FindStringSubmatchIndex(s)
			if got := r.FindStringSubmatchIndex(s); !slices.Equal(got, want) {
				t.Fatalf("%s in %q: %v, want %v", p.pattern, s, got, want)
			}
			if want != nil {
				matched++
			}
		}
		if matched < 5 {
			t.Errorf("%s: only %d texts match", p.pattern, matched)
		}
	}
}
