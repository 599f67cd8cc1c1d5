package engine_test

import (
	"context"
	"strings"

	"streamdb/engine"
)

// checkStatements asks the database itself, now and then, whether its views equal
// their queries and whether what is stored is sound.
func (r *lawRunner) checkStatements(ctx context.Context, views []lawStep) error {
	if r.where%5 != 4 || r.only != "" {
		return nil
	}
	for _, v := range views {
		got := lawExec(ctx, r.conn, "check materialized view "+v.view)
		switch {
		case got.code == "slow":
			return errLawSlow
		case got.code == "0A000" && strings.Contains(got.message, "temporal join"):
		case got.code != "":
			return r.differs(v.view, "check", "%s\n%s %s", v.query, got.code, got.message)
		case len(got.results[0].Rows) > 0:
			return r.differs(v.view, "check", "%s\nCHECK MATERIALIZED VIEW shows differences:\n%s", v.query,
				strings.Join(lawRows(got.results[0], false), "\n"))
		}
	}
	all := lawExec(ctx, r.conn, "select schema || '.' || name from streamdb.jobs where state = 'RUNNING' and kind in ('table', 'materialized view')")
	if all.code != "" {
		return r.differs("", "check", "%s %s", all.code, all.message)
	}
	for _, row := range all.results[0].Rows {
		got := lawExec(ctx, r.conn, "check table "+string(row[0]))
		if got.code == "slow" {
			return errLawSlow
		}
		if got.code != "" {
			return r.differs("", "check", "of table %s: %s %s", row[0], got.code, got.message)
		}
		for _, found := range got.results[0].Rows {
			if found[2] != nil {
				return r.differs("", "check", "of table %s: %s: %s", row[0], found[0], found[2])
			}
		}
	}
	return nil
}

// checkClosed stops the server and has its directory checked.
func (r *lawRunner) checkClosed(ctx context.Context) error {
	if err := r.close(false); err != nil {
		return r.differs("", "stop", "%v", err)
	}
	var report strings.Builder
	problems, err := engine.CheckDir(ctx, r.dir, 0, &report)
	if err != nil || problems > 0 {
		return r.differs("", "check", "of the directory: %v\n%s", err, report.String())
	}
	return nil
}
