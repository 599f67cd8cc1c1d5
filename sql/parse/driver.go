package parse

import (
	"sync"

	"github.com/pingcap/tidb/pkg/parser"
	tidb "github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
)

// TiDB's parser makes its constants through variables that a driver sets. No
// constant ever reaches it from here, so that ours only has to exist.
var setDriver = sync.OnceFunc(func() {
	none := func(what string) { panic("parse: a " + what + " has reached the grammar") }
	tidb.NewValueExpr = func(any, string, string) tidb.ValueExpr { none("constant"); return nil }
	tidb.NewParamMarkerExpr = func(int) tidb.ParamMarkerExpr { none("parameter"); return nil }
	tidb.NewDecimal = func(string) (any, error) { none("decimal"); return nil, nil }
	tidb.NewHexLiteral = func(string) (any, error) { none("hex literal"); return nil, nil }
	tidb.NewBitLiteral = func(string) (any, error) { none("bit literal"); return nil, nil }
})

// newGrammar makes TiDB's parser.
func newGrammar() *parser.Parser {
	setDriver()
	p := parser.New()
	p.SetSQLMode(mysql.ModeANSIQuotes | mysql.ModePipesAsConcat | mysql.ModeNoBackslashEscapes)
	return p
}
