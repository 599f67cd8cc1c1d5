package funcs

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// strMoreFuncs lists Postgres's other string functions.
func strMoreFuncs() []*expr.Def {
	hexOf := func(n int) evalFn {
		return kernel.U1(func(x int64) string {
			if n == 4 {
				return strconv.FormatUint(uint64(uint32(x)), 16)
			}
			return strconv.FormatUint(uint64(x), 16)
		})
	}
	md5Of := kernel.U1(func(s string) string {
		h := md5.Sum(kernel.Bytes(s))
		return hex.EncodeToString(h[:])
	})
	return []*expr.Def{
		fn("translate", ids{tText, tText, tText}, tText, kernel.U3(translate), "Characters replaced one by one"),
		together(fn("split_part", ids{tText, tText, tI4}, tText, kernel.E3(splitPart), "The n-th field of a text; negative: from the end"), splitParts),
		fn("ascii", ids{tText}, tI4, kernel.U1(func(s string) int64 {
			if s == "" {
				return 0
			}
			r, _ := utf8.DecodeRuneInString(s)
			return int64(r)
		}), "Code point of the first character"),
		fn("chr", ids{tI4}, tText, kernel.E1(chr), "The character of a code point"),
		fn("md5", ids{tText}, tText, md5Of, "MD5 hash as hexadecimal text"),
		fn("md5", ids{tByte}, tText, md5Of, "MD5 hash as hexadecimal text"),
		fn("sha224", ids{tByte}, tByte, kernel.U1(func(s string) string { h := sha256.Sum224(kernel.Bytes(s)); return string(h[:]) }), "SHA-224 hash"),
		fn("sha256", ids{tByte}, tByte, kernel.U1(func(s string) string { h := sha256.Sum256(kernel.Bytes(s)); return string(h[:]) }), "SHA-256 hash"),
		fn("sha384", ids{tByte}, tByte, kernel.U1(func(s string) string { h := sha512.Sum384(kernel.Bytes(s)); return string(h[:]) }), "SHA-384 hash"),
		fn("sha512", ids{tByte}, tByte, kernel.U1(func(s string) string { h := sha512.Sum512(kernel.Bytes(s)); return string(h[:]) }), "SHA-512 hash"),
		fn("encode", ids{tByte, tText}, tText, kernel.E2(encode), "Bytes as text: base64, hex or escape"),
		fn("decode", ids{tText, tText}, tByte, kernel.E2(decode), "Bytes from text: base64, hex or escape"),
		fn("convert_from", ids{tByte, tText}, tText, kernel.E2(convertFrom), "Text from bytes in an encoding"),
		fn("convert_to", ids{tText, tText}, tByte, kernel.E2(convertTo), "Text as bytes in an encoding"),
		fn("to_hex", ids{tI4}, tText, hexOf(4), "Hexadecimal text"),
		fn("to_hex", ids{tI8}, tText, hexOf(8), "Hexadecimal text"),
		fn("quote_ident", ids{tText}, tText, kernel.U1(quoteIdent), "Text as an SQL identifier"),
		fn("quote_literal", ids{tText}, tText, kernel.U1(quoteLiteral), "Text as an SQL literal"),
		stable(fn("quote_literal", ids{tAny}, tText, kernel.M1(func(c *expr.CallCtx) func(types.Datum) (string, error) {
			env := c.TextEnv()
			return func(d types.Datum) (string, error) {
				return quoteLiteral(string(types.AppendText(nil, c.Args[0], d, env))), nil
			}
		}), "Value as an SQL literal")),
		notStrict(fn("quote_nullable", ids{tText}, tText, kernel.U1(func(s kernel.Opt[string]) string {
			if s.Null {
				return "NULL"
			}
			return quoteLiteral(s.V)
		}), "Text as an SQL literal, NULL as NULL")),
		fn("get_byte", ids{tByte, tI4}, tI4, kernel.E2(getByte), "A byte by position"),
		fn("set_byte", ids{tByte, tI4, tI4}, tByte, kernel.E3(setByte), "Bytes with one replaced"),
		fn("unistr", ids{tText}, tText, kernel.E1(unistr), "Text with Unicode escapes replaced"),
	}
}

func translate(s, from, to string) string {
	froms, tos := []rune(from), []rune(to)
	var b strings.Builder
next:
	for _, r := range s {
		for k, f := range froms {
			if f == r {
				if k < len(tos) {
					b.WriteRune(tos[k])
				}
				continue next
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

func splitPart(s, sep string, n int64) (string, error) {
	if n == 0 {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "field position must not be zero")
	}
	if sep == "" {
		if n == 1 || n == -1 {
			return s, nil
		}
		return "", nil
	}
	if n < 0 {
		n += int64(strings.Count(s, sep)) + 2
		if n < 1 {
			return "", nil
		}
	}
	for ; n > 1; n-- {
		i := strings.Index(s, sep)
		if i < 0 {
			return "", nil
		}
		s = s[i+len(sep):]
	}
	head, _, _ := strings.Cut(s, sep)
	return head, nil
}

func chr(x int64) (string, error) {
	switch {
	case x == 0:
		return "", sqlerr.New(sqlerr.ProgramLimitExceeded, "null character not permitted")
	case x < 0:
		return "", sqlerr.New(sqlerr.ProgramLimitExceeded, "character number must be positive")
	case x > utf8.MaxRune:
		return "", sqlerr.New(sqlerr.ProgramLimitExceeded, "requested character too large for encoding: %d", x)
	case !utf8.ValidRune(rune(x)):
		return "", sqlerr.New(sqlerr.ProgramLimitExceeded, "requested character not valid for encoding: %d", x)
	}
	return string(rune(x)), nil
}

func errEncoding(format string) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized encoding: \"%s\"", format)
}

func encode(b, format string) (string, error) {
	switch strings.ToLower(format) {
	case "hex":
		return hex.EncodeToString(kernel.Bytes(b)), nil
	case "base64":
		text := base64.StdEncoding.EncodeToString(kernel.Bytes(b))
		var out strings.Builder
		for len(text) > 76 {
			out.WriteString(text[:76])
			out.WriteByte('\n')
			text = text[76:]
		}
		out.WriteString(text)
		return out.String(), nil
	case "escape":
		var out []byte
		for i := range len(b) {
			switch c := b[i]; {
			case c == 0 || c >= 0x80:
				out = append(out, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
			case c == '\\':
				out = append(out, '\\', '\\')
			default:
				out = append(out, c)
			}
		}
		return string(out), nil
	}
	return "", errEncoding(format)
}

func decode(s, format string) (string, error) {
	switch strings.ToLower(format) {
	case "hex":
		return decodeHex(s)
	case "base64":
		return decodeBase64(s)
	case "escape":
		var out []byte
		for i := 0; i < len(s); i++ {
			switch {
			case s[i] != '\\':
				out = append(out, s[i])
			case i+1 < len(s) && s[i+1] == '\\':
				out = append(out, '\\')
				i++
			case i+3 < len(s) && s[i+1] >= '0' && s[i+1] <= '3' && s[i+2] >= '0' && s[i+2] <= '7' && s[i+3] >= '0' && s[i+3] <= '7':
				out = append(out, (s[i+1]-'0')<<6|(s[i+2]-'0')<<3|(s[i+3]-'0'))
				i += 3
			default:
				return "", sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type %s", "bytea")
			}
		}
		return string(out), nil
	}
	return "", errEncoding(format)
}

func decodeHex(s string) (string, error) {
	var out []byte
	high := -1
	for _, r := range s {
		if r == ' ' || r == '\n' || r == '\t' || r == '\r' {
			if high < 0 {
				continue
			}
		}
		d := strings.IndexRune("0123456789abcdef", r|0x20)
		if d < 0 || r >= utf8.RuneSelf {
			return "", sqlerr.New(sqlerr.InvalidParameterValue, "invalid hexadecimal digit: \"%c\"", r)
		}
		if high < 0 {
			high = d
			continue
		}
		out = append(out, byte(high<<4|d))
		high = -1
	}
	if high >= 0 {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "invalid hexadecimal data: odd number of digits")
	}
	return string(out), nil
}

func decodeBase64(s string) (string, error) {
	clean := strings.Map(func(r rune) rune {
		if r == ' ' || r == '\n' || r == '\t' || r == '\r' {
			return -1
		}
		return r
	}, s)
	for _, r := range clean {
		if r != '=' && r != '+' && r != '/' && !(r >= '0' && r <= '9') && !(r >= 'a' && r <= 'z') && !(r >= 'A' && r <= 'Z') {
			return "", sqlerr.New(sqlerr.InvalidParameterValue, "invalid symbol \"%c\" found while decoding base64 sequence", r)
		}
	}
	out, err := base64.StdEncoding.DecodeString(clean)
	if err != nil {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "invalid base64 end sequence").
			WithHint("Input data is missing padding, is truncated, or is otherwise corrupted.")
	}
	return string(out), nil
}

func isUTF8Name(name string) bool {
	n := strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
	return n == "utf8" || n == "unicode"
}

func convertFrom(b, encoding string) (string, error) {
	if !isUTF8Name(encoding) {
		return "", sqlerr.Unsupported("encoding \"%s\"", encoding)
	}
	if !utf8.ValidString(b) {
		return "", sqlerr.New(sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\"")
	}
	return b, nil
}

func convertTo(s, encoding string) (string, error) {
	if !isUTF8Name(encoding) {
		return "", sqlerr.Unsupported("encoding \"%s\"", encoding)
	}
	return s, nil
}

func quoteLiteral(s string) string {
	q := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return "E" + strings.ReplaceAll(q, `\`, `\\`)
	}
	return q
}

func errByteIndex(i int64, n int) error {
	return sqlerr.New("2202E", "index %d out of valid range, 0..%d", i, n-1)
}

func getByte(b string, i int64) (int64, error) {
	if i < 0 || i >= int64(len(b)) {
		return 0, errByteIndex(i, len(b))
	}
	return int64(b[i]), nil
}

func setByte(b string, i, x int64) (string, error) {
	if i < 0 || i >= int64(len(b)) {
		return "", errByteIndex(i, len(b))
	}
	out := []byte(b)
	out[i] = byte(x)
	return string(out), nil
}

// unistr replaces \XXXX, \+XXXXXX, \uXXXX, \UXXXXXXXX and \\.
func unistr(s string) (string, error) {
	var b strings.Builder
	bad := func() (string, error) {
		return "", sqlerr.New(sqlerr.SyntaxError, "invalid Unicode escape").
			WithHint("Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.")
	}
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		rest := s[i+1:]
		skip, digits := 0, 4
		switch {
		case strings.HasPrefix(rest, `\`):
			b.WriteByte('\\')
			i++
			continue
		case strings.HasPrefix(rest, "+"):
			skip, digits = 1, 6
		case strings.HasPrefix(rest, "u"):
			skip = 1
		case strings.HasPrefix(rest, "U"):
			skip, digits = 1, 8
		}
		if len(rest) < skip+digits {
			return bad()
		}
		x, err := strconv.ParseUint(rest[skip:skip+digits], 16, 32)
		if err != nil || !utf8.ValidRune(rune(x)) {
			return bad()
		}
		b.WriteRune(rune(x))
		i += skip + digits
	}
	return b.String(), nil
}
