package funcs

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// strOperators lists || and the like over strings.
func strOperators() []*expr.Def {
	textAny := op2("||", tText, tAny, tText, concatText, "Concatenation")
	anyText := op2("||", tAny, tText, tText, concatText, "Concatenation")
	textAny.NonArray, anyText.NonArray = true, true
	textAny.Volatile, anyText.Volatile = expr.Stable, expr.Stable
	return []*expr.Def{
		op2("||", tText, tText, tText, concatBytes, "Concatenation"),
		op2("||", tByte, tByte, tByte, concatBytes, "Concatenation"),
		textAny, anyText,
		op2("^@", tText, tText, tBool, kernel.U2(strings.HasPrefix), "Whether the first text starts with the second"),
	}
}

func concatBytes(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
	o := kernel.NewOut(types.LBytes, c.N)
	for k := range c.Rows() {
		i := c.Row(k)
		o.End(i, append(append(o.Begin(i), args[0].Bytes(i)...), args[1].Bytes(i)...))
	}
	return o.Vec(), nil
}

// concatText concatenates the text forms of two values. As for a cast to text, the
// form of a boolean is its whole word.
func concatText(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
	o := kernel.NewOut(types.LBytes, c.N)
	env := c.TextEnv()
	for a := range args {
		if c.Args[a].ID != tBool {
			continue
		}
		read := kernel.Reader[bool](&args[a])
		text := args[1-a]
		for k := range c.Rows() {
			i := c.Row(k)
			buf := o.Begin(i)
			if a == 0 {
				buf = append(append(buf, strconv.FormatBool(read(i))...), text.Bytes(i)...)
			} else {
				buf = append(append(buf, text.Bytes(i)...), strconv.FormatBool(read(i))...)
			}
			o.End(i, buf)
		}
		return o.Vec(), nil
	}
	for k := range c.Rows() {
		i := c.Row(k)
		buf := types.AppendText(o.Begin(i), c.Args[0], kernel.View(&args[0], i), env)
		o.End(i, types.AppendText(buf, c.Args[1], kernel.View(&args[1], i), env))
	}
	return o.Vec(), nil
}

// strFuncs lists the string functions of the SQL standard and their kin.
func strFuncs() []*expr.Def {
	bytesLen := kernel.U1(func(s string) int64 { return int64(len(s)) })
	out := []*expr.Def{
		fn("length", ids{tByte}, tI4, bytesLen, "Number of bytes"),
		fn("octet_length", ids{tText}, tI4, bytesLen, "Number of bytes"),
		fn("octet_length", ids{tByte}, tI4, bytesLen, "Number of bytes"),
		fn("bit_length", ids{tText}, tI4, kernel.U1(func(s string) int64 { return int64(len(s)) * 8 }), "Number of bits"),
		fn("bit_length", ids{tByte}, tI4, kernel.U1(func(s string) int64 { return int64(len(s)) * 8 }), "Number of bits"),
		safe(fn("lower", ids{tText}, tText, ofASCII('A', kernel.Append1(appendLower)), "Lower case")),
		safe(fn("upper", ids{tText}, tText, ofASCII('a', kernel.Append1(appendUpper)), "Upper case")),
		fn("initcap", ids{tText}, tText, kernel.U1(initcap), "First letter of each word in upper case, the rest in lower"),
		fn("substr", ids{tText, tI4}, tText, kernel.U2(substrFrom), "Text from a position on"),
		fn("substr", ids{tText, tI4, tI4}, tText, kernel.E3(substr), "Text from a position on, of a length"),
		fn("substring", ids{tText, tI4}, tText, kernel.U2(substrFrom), "Text from a position on"),
		fn("substring", ids{tText, tI4, tI4}, tText, kernel.E3(substr), "Text from a position on, of a length"),
		fn("substr", ids{tByte, tI4}, tByte, kernel.U2(substrFromBytes), "Bytes from a position on"),
		fn("substr", ids{tByte, tI4, tI4}, tByte, kernel.E3(substrBytes), "Bytes from a position on, of a length"),
		fn("substring", ids{tByte, tI4}, tByte, kernel.U2(substrFromBytes), "Bytes from a position on"),
		fn("substring", ids{tByte, tI4, tI4}, tByte, kernel.E3(substrBytes), "Bytes from a position on, of a length"),
		fn("position", ids{tText, tText}, tI4, kernel.U2(strpos), "Position of the second text in the first, from 1; 0: not found"),
		fn("strpos", ids{tText, tText}, tI4, kernel.U2(strpos), "Position of the second text in the first, from 1; 0: not found"),
		fn("position", ids{tByte, tByte}, tI4, kernel.U2(func(s, sub string) int64 { return int64(strings.Index(s, sub) + 1) }), "Position of the second bytes in the first, from 1; 0: not found"),
		fn("left", ids{tText, tI4}, tText, kernel.U2(left), "First n characters; negative: all but the last -n"),
		fn("right", ids{tText, tI4}, tText, kernel.U2(right), "Last n characters; negative: all but the first -n"),
		fn("repeat", ids{tText, tI4}, tText, kernel.E2(repeat), "Text repeated"),
		fn("reverse", ids{tText}, tText, kernel.U1(reverse), "Characters in reverse order"),
		fn("replace", ids{tText, tText, tText}, tText, kernel.U3(replace), "Every occurrence of the second text replaced by the third"),
		fn("starts_with", ids{tText, tText}, tBool, kernel.U2(strings.HasPrefix), "Whether the first text starts with the second"),
		fn("lpad", ids{tText, tI4}, tText, kernel.E2(func(s string, n int64) (string, error) { return pad(s, n, " ", true) }), "Filled with blanks on the left, or cut, to a length"),
		fn("lpad", ids{tText, tI4, tText}, tText, kernel.E3(func(s string, n int64, f string) (string, error) { return pad(s, n, f, true) }), "Filled on the left, or cut, to a length"),
		fn("rpad", ids{tText, tI4}, tText, kernel.E2(func(s string, n int64) (string, error) { return pad(s, n, " ", false) }), "Filled with blanks on the right, or cut, to a length"),
		fn("rpad", ids{tText, tI4, tText}, tText, kernel.E3(func(s string, n int64, f string) (string, error) { return pad(s, n, f, false) }), "Filled on the right, or cut, to a length"),
		fn("btrim", ids{tByte, tByte}, tByte, kernel.U2(func(s, set string) string { return trimBytes(s, set, true, true) }), "Bytes removed from both ends"),
		fn("ltrim", ids{tByte, tByte}, tByte, kernel.U2(func(s, set string) string { return trimBytes(s, set, true, false) }), "Bytes removed from the start"),
		fn("rtrim", ids{tByte, tByte}, tByte, kernel.U2(func(s, set string) string { return trimBytes(s, set, false, true) }), "Bytes removed from the end"),
		fn("overlay", ids{tText, tText, tI4, tI4}, tText, kernel.E4(overlay), "Part of a text replaced"),
		fn("overlay", ids{tText, tText, tI4}, tText, kernel.E3(func(s, with string, from int64) (string, error) {
			return overlay(s, with, from, int64(types.Runes(with)))
		}), "Part of a text replaced"),
	}
	chars := safe(fn("length", ids{tText}, tI4, length, "Number of characters"))
	chars.Fuse = fuseLength
	out = append(out, aliases(chars, "char_length", "character_length")...)
	out = append(out, aliases(fn("length", ids{types.Bpchar}, tI4, kernel.U1(func(s string) int64 {
		return int64(types.Runes(strings.TrimRight(s, " ")))
	}), "Number of characters without padding"), "char_length", "character_length")...)
	for _, t := range []struct {
		name        string
		left, right bool
		doc         string
	}{{"btrim", true, true, "both ends"}, {"ltrim", true, false, "the start"}, {"rtrim", false, true, "the end"}} {
		out = append(out,
			fn(t.name, ids{tText}, tText, kernel.U1(func(s string) string { return trimSet(s, " ", t.left, t.right) }), "Blanks removed from "+t.doc),
			fn(t.name, ids{tText, tText}, tText, kernel.U2(func(s, set string) string { return trimSet(s, set, t.left, t.right) }), "Characters removed from "+t.doc))
	}
	return out
}

func appendLower(dst []byte, s string) ([]byte, error) {
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			for _, r := range s[i:] {
				dst = utf8.AppendRune(dst, unicode.ToLower(r))
			}
			return dst, nil
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst, nil
}

func appendUpper(dst []byte, s string) ([]byte, error) {
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			for _, r := range s[i:] {
				dst = utf8.AppendRune(dst, unicode.ToUpper(r))
			}
			return dst, nil
		}
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst, nil
}

func initcap(s string) string {
	var b strings.Builder
	inWord := false
	for _, r := range s {
		if inWord {
			b.WriteRune(unicode.ToLower(r))
		} else {
			b.WriteRune(unicode.ToUpper(r))
		}
		inWord = unicode.IsLetter(r) || unicode.IsDigit(r)
	}
	return b.String()
}

// runeOffset is the byte offset of character n (from 0), at most len(s).
func runeOffset(s string, n int64) int {
	if n <= 0 {
		return 0
	}
	if n >= int64(len(s)) && n >= int64(types.Runes(s)) {
		return len(s)
	}
	i := 0
	for ; n > 0 && i < len(s); n-- {
		if s[i] < utf8.RuneSelf {
			i++
			continue
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
	}
	return i
}

func substrFrom(s string, from int64) string { return s[runeOffset(s, from-1):] }

func errNegativeSubstring() error {
	return sqlerr.New(sqlerr.SubstringError, "negative substring length not allowed")
}

func substr(s string, from, count int64) (string, error) {
	if count < 0 {
		return "", errNegativeSubstring()
	}
	end := from + count // exclusive, 1-based; both are 32-bit
	s = s[:runeOffset(s, end-1)]
	if from > 1 {
		s = s[runeOffset(s, from-1):]
	}
	return s, nil
}

func substrFromBytes(s string, from int64) string {
	return s[min(max(from-1, 0), int64(len(s))):]
}

func substrBytes(s string, from, count int64) (string, error) {
	if count < 0 {
		return "", errNegativeSubstring()
	}
	n := int64(len(s))
	end := min(max(from+count-1, 0), n)
	return s[min(max(from-1, 0), end):end], nil
}

func strpos(s, sub string) int64 {
	i := strings.Index(s, sub)
	if i < 0 {
		return 0
	}
	return int64(types.Runes(s[:i])) + 1
}

func left(s string, n int64) string {
	if n < 0 {
		n = max(0, int64(types.Runes(s))+n)
	}
	return s[:runeOffset(s, n)]
}

func right(s string, n int64) string {
	if n < 0 {
		return s[runeOffset(s, -n):]
	}
	return s[runeOffset(s, max(0, int64(types.Runes(s))-n)):]
}

// maxText is the largest text that a function may make: Postgres's limit is 1 GB.
const maxText = 1<<30 - 1

func errTextTooLong() error {
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "requested length too large")
}

func repeat(s string, n int64) (string, error) {
	if n <= 0 || s == "" {
		return "", nil
	}
	if n > maxText/int64(len(s)) {
		return "", errTextTooLong()
	}
	return strings.Repeat(s, int(n)), nil
}

func reverse(s string) string {
	out := make([]byte, len(s))
	at := len(s)
	for i := 0; i < len(s); {
		_, size := utf8.DecodeRuneInString(s[i:])
		at -= size
		copy(out[at:], s[i:i+size])
		i += size
	}
	return string(out)
}

func replace(s, from, to string) string {
	if from == "" {
		return s
	}
	return strings.ReplaceAll(s, from, to)
}

func pad(s string, n int64, fill string, onLeft bool) (string, error) {
	n = max(n, 0)
	if n > maxText/4 {
		return "", errTextTooLong()
	}
	have := int64(types.Runes(s))
	if have >= n {
		return s[:runeOffset(s, n)], nil
	}
	if fill == "" {
		return s, nil
	}
	var b strings.Builder
	need := n - have
	if !onLeft {
		b.WriteString(s)
	}
	fillLen := int64(types.Runes(fill))
	for ; need >= fillLen; need -= fillLen {
		b.WriteString(fill)
	}
	b.WriteString(fill[:runeOffset(fill, need)])
	if onLeft {
		b.WriteString(s)
	}
	return b.String(), nil
}

func trimSet(s, set string, onLeft, onRight bool) string {
	switch {
	case onLeft && onRight:
		return strings.Trim(s, set)
	case onLeft:
		return strings.TrimLeft(s, set)
	}
	return strings.TrimRight(s, set)
}

func trimBytes(s, set string, onLeft, onRight bool) string {
	for onLeft && s != "" && strings.IndexByte(set, s[0]) >= 0 {
		s = s[1:]
	}
	for onRight && s != "" && strings.IndexByte(set, s[len(s)-1]) >= 0 {
		s = s[:len(s)-1]
	}
	return s
}

func overlay(s, with string, from, count int64) (string, error) {
	if from <= 0 {
		return "", errNegativeSubstring()
	}
	head := s[:runeOffset(s, from-1)]
	tail := substrFrom(s, from+count)
	return head + with + tail, nil
}
