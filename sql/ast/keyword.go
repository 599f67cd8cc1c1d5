package ast

import (
	"slices"
	"strings"
)

// KeywordClass says where a word may be used as a name, after the four classes
// of Postgres's grammar.
type KeywordClass uint8

// The classes of words.
const (
	NotKeyword      KeywordClass = iota // also Postgres's unreserved keywords
	ColumnKeyword                       // not as a function or type name
	FunctionKeyword                     // not as a column or table name
	ReservedKeyword                     // only after AS
)

var keywords = func() map[string]KeywordClass {
	m := make(map[string]KeywordClass)
	add := func(c KeywordClass, words string) {
		for _, w := range strings.Fields(words) {
			m[w] = c
		}
	}
	add(ColumnKeyword, `between bigint bit boolean char character coalesce dec decimal exists
		extract float greatest grouping inout int integer interval least national nchar none
		normalize nullif numeric out overlay position precision real row setof smallint
		substring time timestamp treat trim values varchar`)
	add(FunctionKeyword, `authorization binary collation concurrently cross current_schema
		freeze full ilike inner is isnull join left like natural notnull outer overlaps right
		similar tablesample verbose`)
	add(ReservedKeyword, `all analyse analyze and any array as asc asymmetric both case cast
		check collate column constraint create current_catalog current_date current_role
		current_time current_timestamp current_user default deferrable desc distinct do else
		end except false fetch for foreign from grant group having in initially intersect into
		lateral leading limit localtime localtimestamp not null offset on only or order placing
		primary references returning select session_user some symmetric table then to trailing
		true union unique user using variadic when where window with`)
	return m
}()

// Keyword gives the class of a folded word.
func Keyword(word string) KeywordClass { return keywords[word] }

// ReservedWords lists the words of class ReservedKeyword, in order.
func ReservedWords() []string {
	var out []string
	for w, c := range keywords {
		if c == ReservedKeyword {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	return out
}

// contextual are words with a meaning of their own in some place where a name
// may stand; printing them quoted avoids every doubt.
var contextual = map[string]bool{"asof": true, "emit": true, "try_cast": true, "map": true, "aggregate": true}

// QuoteIdent gives the identifier as SQL: bare if the lexer would read it back
// unchanged as a name, in double quotes otherwise.
func QuoteIdent(s string) string {
	if isPlainIdent(s) && keywords[s] == NotKeyword && !contextual[s] {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

func isPlainIdent(s string) bool {
	if s == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z' || c == '_':
		case i > 0 && (c >= '0' && c <= '9' || c == '$'):
		default:
			return false
		}
	}
	return true
}

// QuoteString gives the string as a SQL constant that reads back unchanged.
func QuoteString(s string) string {
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// bareCalls are the functions that are called without parentheses.
var bareCalls = map[string]bool{
	"current_catalog": true, "current_date": true, "current_role": true, "current_schema": true,
	"current_time": true, "current_timestamp": true, "current_user": true, "localtime": true,
	"localtimestamp": true, "session_user": true, "user": true,
}

// IsBareCall says that a function is called by its name alone (CURRENT_DATE).
func IsBareCall(word string) bool { return bareCalls[word] }

// keywordCalls are keywords that are called like functions.
var keywordCalls = map[string]bool{
	"coalesce": true, "extract": true, "greatest": true, "grouping": true, "least": true,
	"normalize": true, "nullif": true, "overlay": true, "position": true, "substring": true,
}

// nodeCalls are those of them that Postgres gives nodes of their own.
var nodeCalls = map[string]bool{"coalesce": true, "greatest": true, "grouping": true, "least": true, "nullif": true}

// IsKeywordCall says that a keyword is called like a function.
func IsKeywordCall(word string) bool { return keywordCalls[word] }
