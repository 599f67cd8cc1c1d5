// Package funcs lists the scalar functions and operators: one expr.Def per
// overload, one file per family, all gathered by All. It also resolves calls:
// which overload a name with given argument types means, which casts its
// arguments need, and which type several expressions have in common
// (Postgres's manual, chapter 10). Casts themselves are in expr/casts.
//
// Nothing registers itself: a new family is one line in All.
package funcs
