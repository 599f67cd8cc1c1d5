// Package parse turns SQL text into sql/ast. It is the one door to TiDB's
// parser: nobody else sees its nodes.
//
// # The way of a statement
//
//	text -> lexer -> tokens -> reader -> text for the grammar -> TiDB -> lift -> sql/ast
//	                           (by hand: DDL, utility, clauses MySQL has not)
//
// The lexer follows Postgres. The reader walks the tokens of one statement. What
// MySQL's grammar has no shape for, it builds by hand, straight into sql/ast:
// DDL, utility statements, types, aliases, ORDER BY, LIMIT, windows, VALUES,
// RETURNING. For the rest (queries, joins, set operations, WITH, subqueries,
// INSERT, UPDATE, DELETE, calls, CASE, rows, AND and OR) it writes text that TiDB's
// grammar takes, and TiDB says how the parts nest.
//
// # What the text is made of
//
// No literal, name, keyword or parameter of the user reaches TiDB. Every word of
// the text that is not MySQL structure is an index into the reader's table of
// entries: e17 is entry 17. An entry is a node of sql/ast that is finished (a
// constant, a column), a node that lacks its operands (a call, a cast), or a
// clause's side information. Lift walks TiDB's tree and puts the operands in.
//
//	SELECT -a::int, count(*) FILTER (WHERE b) FROM t LEFT JOIN u USING (k) LIMIT 5
//	SELECT (SELECT e1,e2|e3|e4,e5() FROM e6 LEFT JOIN e7 ON e8())
//
// # Carriers
//
//	SELECT's own clauses (aliases, DISTINCT ON, WINDOW)  first field eK
//	operators below AND and OR                           a|eK|b, prefix eK|a, postfix a|eK
//	operators with a list or a subquery (IN, ANY, ALL)   a|eK(..)
//	calls, casts, ARRAY, ROW, MAP, ROLLUP, CUBE          eK(..)
//	every kind of join                                   a LEFT JOIN b ON eK(condition)
//	table, function or aliased join in FROM              eK
//	VALUES, TABLE t, a query in parentheses              TABLE eK
//	SELECT without FROM but with WHERE                   FROM e0
//
// Operators form one flat chain that climb.go puts together by Postgres's levels,
// so that the two grammars cannot disagree about precedence. Joins are all written
// as LEFT JOIN because that is the one join of MySQL's whose ON is mandatory: the
// nesting is then unambiguous.
//
// Clauses that are read by hand hold expressions too. Each is a slot, unless
// it is a lone constant or column: its text is kept apart, all slots of a statement become the fields of one SELECT, and the
// lifted field is stored where the clause wants it. A statement costs one call of
// TiDB's parser, whatever its shape.
//
// # Limits
//
// Nesting and the length of operator chains are bounded (54001), because both
// become recursion here and in everybody who walks the tree.
//
// A Parser belongs to one session and is not safe for concurrent use. The package
// starts no goroutine.
package parse
