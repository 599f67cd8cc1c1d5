// Package op is the operators: one file each, holding the operator's exported
// Spec (the plan node that the planner builds, EXPLAIN prints and the catalog
// pins) and its unexported runner. codec.go lists the kinds for the JSON form.
//
// A stateful operator draws its state layout (key -> value) above its type.
// Hot state lives in typed, pointer-free memory; dirty entries are encoded at
// the barrier. The same operators run a SELECT (executor.OpenCtx.Bounded).
package op
