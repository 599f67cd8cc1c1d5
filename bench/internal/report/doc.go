// Package report is what all benches write their results in: one JSON file of a
// run, with the machine, the commit and the command, which bench/report turns
// into docs/performance.md. A bench says in its file which tables and plots it
// is shown as; the command knows none of them.
//
//	f := report.New("serving", "Look-ups beside PostgreSQL")
//	r := f.Add("point look-up", "server", "streamdb", "clients", "8")
//	r.Set("tps", 41000, 39800, 42100) // the rounds; their median counts
//	f.Tables = append(f.Tables, report.Table{Columns: []report.Column{{Metric: "tps", Head: "statements/s"}}})
//	f.Plots = append(f.Plots, report.Plot{Title: "Look-ups a second", Metric: "tps", By: "clients", Series: "server"})
//	err := f.Write(path)
//
// Nothing in a file names a host or a path outside the project.
package report
