// Command report turns the JSON results of the benches into docs/performance.md
// and its plots.
//
//	go run ./bench/report [-out docs/performance.md] [FILE ...]
//
// Without files it takes all of docs/performance/*.json.
package main
