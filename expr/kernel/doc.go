// Package kernel turns functions over single values into functions over
// columns: readers of arguments, writers of results and the loops between them,
// with selections, constants and NULL results in one place.
//
// Functions that matter for speed (integer arithmetic, comparisons) have loops
// of their own in expr/funcs; everything whose work per value is dearer than an
// indirect call is made here. The package knows no function by name.
package kernel
