package engine

import (
	"fmt"
	"strings"
	"unicode"

	"streamdb/sql/ast"
)

// statementName names a kind of statement for error messages: *ast.CreateIndex
// is "CREATE INDEX".
func statementName(st ast.Stmt) string {
	name := strings.TrimPrefix(fmt.Sprintf("%T", st), "*ast.")
	var b strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}
