package sqllogictest

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// substError is a failed substitution. It counts as a failure of the record's
// SQL, so a file can expect it.
type substError struct{ msg string }

func (e *substError) Error() string { return e.msg }

// variables gives values to the names in SQL: let variables first, then the
// special ones, then the environment.
type variables struct {
	let     map[string]string
	testDir string // made when first used
}

func (v *variables) set(name, value string) {
	if v.let == nil {
		v.let = map[string]string{}
	}
	v.let[name] = value
}

// lookup gives the value of a variable.
func (v *variables) lookup(name string) (string, bool, error) {
	if value, ok := v.let[name]; ok {
		return value, true, nil
	}
	switch name {
	case "__TEST_DIR__":
		dir, err := v.dir()
		return dir, true, err
	case "__NOW__":
		return strconv.FormatInt(time.Now().UnixNano(), 10), true, nil
	}
	value, ok := os.LookupEnv(name)
	return value, ok, nil
}

// dir gives the folder for the files of one run of one test file.
func (v *variables) dir() (string, error) {
	if v.testDir == "" {
		dir, err := os.MkdirTemp("", "slt")
		if err != nil {
			return "", fmt.Errorf("make the test folder: %w", err)
		}
		v.testDir = dir
	}
	return v.testDir, nil
}

// close removes the test folder, if one was made.
func (v *variables) close() error {
	if v.testDir == "" {
		return nil
	}
	return os.RemoveAll(v.testDir)
}

// substitute replaces $name, ${name} and ${name:default} in text; a backslash
// takes the special meaning from the character behind it. A variable without a
// value and without a default is an error.
func (v *variables) substitute(text string) (string, error) {
	s := substituter{vars: v, text: text}
	out, err := s.until(false)
	if err != nil {
		var se *substError
		if errors.As(err, &se) {
			return "", err
		}
		return "", fmt.Errorf("substitute variables: %w", err)
	}
	return out, nil
}

// substituteSpecial replaces the special variables only, plainly. This is for
// system commands, as the shell knows the environment.
func (v *variables) substituteSpecial(text string) (string, error) {
	for _, name := range []string{"__TEST_DIR__", "__NOW__"} {
		if !strings.Contains(text, name) {
			continue
		}
		value, _, err := v.lookup(name)
		if err != nil {
			return "", err
		}
		text = strings.NewReplacer("${"+name+"}", value, "$"+name, value).Replace(text)
	}
	return text, nil
}

type substituter struct {
	vars *variables
	text string
	pos  int
}

// until copies text with its variables replaced, up to the end of the text or,
// inside braces, up to the closing one.
func (s *substituter) until(inBraces bool) (string, error) {
	var out strings.Builder
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		switch {
		case c == '\\':
			if s.pos+1 >= len(s.text) || !strings.ContainsRune(`\${}:`, rune(s.text[s.pos+1])) {
				return "", &substError{fmt.Sprintf("Invalid escape sequence at byte %d", s.pos)}
			}
			out.WriteByte(s.text[s.pos+1])
			s.pos += 2
		case c == '}' && inBraces:
			return out.String(), nil
		case c == '$':
			value, err := s.variable()
			if err != nil {
				return "", err
			}
			out.WriteString(value)
		default:
			out.WriteByte(c)
			s.pos++
		}
	}
	if inBraces {
		return "", &substError{"Missing closing brace"}
	}
	return out.String(), nil
}

// variable reads a variable at a dollar sign and gives its value.
func (s *substituter) variable() (string, error) {
	start := s.pos
	s.pos++
	braces := s.pos < len(s.text) && s.text[s.pos] == '{'
	if braces {
		s.pos++
	}
	from := s.pos
	for s.pos < len(s.text) && isVarChar(s.text[s.pos]) {
		s.pos++
	}
	name := s.text[from:s.pos]
	if name == "" {
		return "", &substError{fmt.Sprintf("Missing variable name at byte %d", start)}
	}
	value, ok, err := s.vars.lookup(name)
	if err != nil {
		return "", err
	}
	if !braces {
		if !ok {
			return "", &substError{"No such variable: $" + name}
		}
		return value, nil
	}
	if s.pos < len(s.text) && s.text[s.pos] == ':' {
		s.pos++
		fallback, err := s.fallback(ok)
		if err != nil {
			return "", err
		}
		if !ok {
			value, ok = fallback, true
		}
	}
	if s.pos >= len(s.text) || s.text[s.pos] != '}' {
		return "", &substError{fmt.Sprintf("Missing closing brace for the variable at byte %d", start)}
	}
	s.pos++
	if !ok {
		return "", &substError{"No such variable: $" + name}
	}
	return value, nil
}

// fallback reads a default value. When it is not needed, variables in it that
// have no value are no error.
func (s *substituter) fallback(unneeded bool) (string, error) {
	if !unneeded {
		return s.until(true)
	}
	for depth := 0; s.pos < len(s.text); s.pos++ {
		switch s.text[s.pos] {
		case '\\':
			s.pos++
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return "", nil
			}
			depth--
		}
	}
	return "", &substError{"Missing closing brace"}
}

func isVarChar(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isVarName(s string) bool {
	for i := range len(s) {
		if !isVarChar(s[i]) {
			return false
		}
	}
	return s != "" && (s[0] < '0' || s[0] > '9')
}
