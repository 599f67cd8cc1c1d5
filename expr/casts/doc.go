// Package casts lists the conversions between types as expr.Defs with the
// context in which Postgres applies them by itself (pg_cast.castcontext), the
// conversions through text that every type has, and the coercion of a value to
// the length or precision of its own type. Find answers "is there a cast",
// Coerce builds the expression. Which casts a call's arguments need is decided
// in expr/funcs.
package casts
