package ast

// Level is how tightly an operator binds in Postgres's grammar.
type Level int

// The levels of Postgres's grammar, loosest first.
const (
	LevelOr Level = iota + 1
	LevelAnd
	LevelNot
	LevelIs
	LevelCompare
	LevelLike
	LevelOther // all operators not named here
	LevelAdd
	LevelMul
	LevelPower
	LevelAt
	LevelCollate
	LevelSign
	LevelPostfix
	LevelAtom
)

// BinaryLevel is the level of an infix operator; schema is that of OPERATOR(schema.op).
func BinaryLevel(op, schema string) Level {
	if schema != "" {
		return LevelOther
	}
	switch op {
	case "OR":
		return LevelOr
	case "AND":
		return LevelAnd
	case "<", ">", "=", "<=", ">=", "<>":
		return LevelCompare
	case "+", "-":
		return LevelAdd
	case "*", "/", "%":
		return LevelMul
	case "^":
		return LevelPower
	case "OVERLAPS":
		return LevelPostfix
	}
	return LevelOther
}
