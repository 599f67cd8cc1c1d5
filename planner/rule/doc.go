// Package rule rewrites logical plans, one idea per file. Optimize lists them in
// order; each takes a tree and returns an equivalent one.
package rule
