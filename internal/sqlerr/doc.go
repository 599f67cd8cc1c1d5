// Package sqlerr is the one error type that reaches a client: a SQLSTATE with
// a message, and where it helps a detail, a hint and a position.
//
// Errors are made here where the fault is known; code above wraps them with
// %w. Only package wire renders them. It is not a logging or assertion library.
package sqlerr
