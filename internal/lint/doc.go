// Package lint holds the rules of the repository that no linter knows, as
// tests: which package may import which, which library has which door, that
// every package says what it is, and that paths named in the documents exist.
package lint
