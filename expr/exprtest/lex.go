package exprtest

import (
	"fmt"
	"strings"
)

type kind uint8

const (
	kEOF kind = iota
	kIdent
	kNumber
	kString
	kOp
)

type token struct {
	kind kind
	text string
}

// lex splits an expression into tokens.
func lex(s string) ([]token, error) {
	var out []token
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == ' ' || c == '\n' || c == '\t':
			i++
		case c == '\'' || (c == 'e' || c == 'E') && i+1 < len(s) && s[i+1] == '\'':
			escapes := c != '\''
			if escapes {
				i++
			}
			var b strings.Builder
			i++
			for ; ; i++ {
				if i >= len(s) {
					return nil, fmt.Errorf("unterminated string in %s", s)
				}
				if s[i] == '\'' {
					if i+1 < len(s) && s[i+1] == '\'' {
						i++
					} else {
						break
					}
				} else if escapes && s[i] == '\\' && i+1 < len(s) {
					i++
					if r, ok := map[byte]byte{'n': '\n', 't': '\t', 'r': '\r'}[s[i]]; ok {
						b.WriteByte(r)
						continue
					}
				}
				b.WriteByte(s[i])
			}
			i++
			out = append(out, token{kString, b.String()})
		case c >= '0' && c <= '9' || c == '.' && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9':
			j := i
			for j < len(s) && (s[j] >= '0' && s[j] <= '9' || s[j] == '.' || (s[j] == 'e' || s[j] == 'E') && j > i || (s[j] == '-' || s[j] == '+') && (s[j-1] == 'e' || s[j-1] == 'E')) {
				j++
			}
			out = append(out, token{kNumber, s[i:j]})
			i = j
		case c == '"':
			j := i + 1 + strings.IndexByte(s[i+1:], '"')
			out = append(out, token{kIdent, s[i : j+1]})
			i = j + 1
		case c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			j := i
			for j < len(s) && (s[j] == '_' || s[j] >= '0' && s[j] <= '9' || s[j] >= 'a' && s[j] <= 'z' || s[j] >= 'A' && s[j] <= 'Z') {
				j++
			}
			out = append(out, token{kIdent, strings.ToLower(s[i:j])})
			i = j
		case strings.HasPrefix(s[i:], "::"):
			out = append(out, token{kOp, "::"})
			i += 2
		case strings.IndexByte("()[],:", c) >= 0:
			out = append(out, token{kOp, string(c)})
			i++
		default:
			j := i
			for j < len(s) && strings.IndexByte("+-*/<>=~!@#%^&|`?", s[j]) >= 0 {
				j++
			}
			if j == i {
				return nil, fmt.Errorf("unexpected %q in %s", c, s)
			}
			op := s[i:j]
			// A multi-character operator ends in + or - only if it holds one of these.
			for len(op) > 1 && (op[len(op)-1] == '-' || op[len(op)-1] == '+') && !strings.ContainsAny(op, "~!@#%^&|`?") {
				op = op[:len(op)-1]
			}
			out = append(out, token{kOp, op})
			i += len(op)
		}
	}
	return append(out, token{kEOF, ""}), nil
}
