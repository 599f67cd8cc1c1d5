package engine

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"streamdb/catalog"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
)

// CheckDir verifies the data directory of a server that does not run, and writes
// what it finds to out, a line each. Nothing in the directory changes. Verified
// are: the checksums of all files; that the catalog holds together; that every
// row of every table, view and index decodes and lies where its values belong;
// that indexes agree with their relations, and views with their queries where
// those can be asked again. It returns the number of problems; an error is why
// nothing could be verified: 55006 where a server runs, 58P01 where there is no
// database, 0A000 where a newer version wrote it.
func CheckDir(ctx context.Context, dir string, memoryLimit int64, out io.Writer) (problems int, err error) {
	if memoryLimit == 0 {
		memoryLimit = DefaultMemoryLimit()
	}
	budget := SplitMemory(memoryLimit)
	d := &dirCheck{out: out, memory: budget.Heap / 4 * 3}
	store, err := storage.OpenReadOnly(storage.Options{Dir: dir, CacheBytes: budget.Cache, Fatal: func(string) {}})
	if err != nil {
		if code := sqlerr.Code(err); code != sqlerr.DataCorrupted && code != sqlerr.IOError {
			return 0, err
		}
		d.problem("the directory cannot be opened: %s", reason(err))
		found, err := storage.VerifyFiles(ctx, nil, dir)
		for _, f := range found {
			d.problem("file %s: %s", f.File, reason(f.Err))
		}
		return d.problems, err
	}
	defer store.Close()
	d.store = store
	if err := d.run(ctx); err != nil {
		return d.problems, err
	}
	return d.problems, ctx.Err()
}

// dirCheck is one run of CheckDir.
type dirCheck struct {
	out      io.Writer
	memory   int64 // of comparisons, bytes
	store    *storage.Store
	problems int
}

func (d *dirCheck) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

func (d *dirCheck) problem(format string, args ...any) {
	d.problems++
	d.say("PROBLEM  "+format, args...)
}

// reason is an error with its detail, on a line.
func reason(err error) string {
	e := sqlerr.From(err)
	text := e.Error()
	if e.Detail != "" {
		text = e.Msg + ": " + e.Detail
	}
	return text
}

func (d *dirCheck) run(ctx context.Context) error {
	began := time.Now()
	v, found, err := d.store.Verify(ctx)
	if err != nil {
		return err
	}
	for _, f := range found {
		d.problem("file %s: %s", f.File, reason(f.Err))
	}
	d.say("files: %d of %.1f MB, %d damaged", v.Files, float64(v.Bytes)/1e6, len(found))
	meta, err := loadMeta(d.store)
	if err != nil {
		d.problem("the catalog cannot be read: %s", reason(err))
		return nil
	}
	snap := d.store.Snapshot()
	defer snap.Close()
	log := slog.New(slog.DiscardHandler)
	c, err := newChecker(log, meta.catalog, snap, executor.NewAccountant(d.memory), &op.Env{})
	if err != nil {
		d.problem("the manifest cannot be read: %s", reason(err))
		return nil
	}
	d.say("epoch: %d, of %s", snap.Epoch(), c.now.UTC().Format(time.RFC3339))
	for _, p := range catalogProblems(meta.catalog) {
		d.problem("%s", p)
	}
	d.orphans(meta)
	for _, o := range meta.catalog.Objects() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		d.object(ctx, c, o)
	}
	d.say("%d objects in %v: %d problems", len(meta.catalog.Objects()), time.Since(began).Round(time.Millisecond), d.problems)
	return nil
}

// object checks what is stored of an object.
func (d *dirCheck) object(ctx context.Context, c *checker, o *catalog.Object) {
	if o.Rows == nil {
		return
	}
	name := fmt.Sprintf("%s %s.%s", o.Kind, o.Schema, o.Name)
	if o.Index != nil && !o.Creating && o.Failed == nil {
		d.findings(name, c.index(ctx, o), "as its relation says")
		return
	}
	f := c.rows(ctx, o)
	if o.Kind != catalog.MaterializedView || f.found > 0 {
		d.findings(name, f, "every one decodes")
		return
	}
	why, err := d.view(ctx, c, o, f)
	switch {
	case err != nil && sqlerr.Code(err) == sqlerr.OutOfMemory:
		d.findings(name, f, "every one decodes; "+notCompared+reason(err)+" (-memory-limit gives it more)")
	case err != nil && sqlerr.Code(err) == sqlerr.FeatureNotSupported:
		d.findings(name, f, "every one decodes; "+notCompared+err.Error())
	case err != nil:
		f.add("it cannot be compared with its query: %s", reason(err))
		d.findings(name, f, "")
	case why != "":
		d.findings(name, f, "every one decodes; "+why)
	default:
		d.findings(name, f, "equal to its query")
	}
}

const notCompared = "not compared with its query: "

// view compares a view with its query; why says what keeps it from that, or from
// saying that they are equal.
func (d *dirCheck) view(ctx context.Context, c *checker, o *catalog.Object, f *finding) (why string, err error) {
	switch {
	case o.Failed != nil:
		return notCompared + "its job has failed", nil
	case o.Creating:
		return notCompared + "it is still being created", nil
	}
	if err := c.askable(o); err != nil {
		return "", err
	}
	q, err := c.viewQuery(o)
	if err != nil {
		return "", err
	}
	for _, id := range q.Reads {
		if r := c.cat.ByID(id); r != nil && r.Failed != nil {
			return fmt.Sprintf("%s%s, which it reads, has failed", notCompared, r.Name), nil
		}
	}
	late, err := c.late(o)
	if err != nil {
		return "", err
	}
	if late > 0 {
		return fmt.Sprintf("%s%d rows came too late for it, and its query has them", notCompared, late), nil
	}
	rows, more, waiting, err := c.viewDifference(ctx, o, q, mostProblems)
	if err != nil {
		return "", err
	}
	if waiting > 0 && len(rows) == 0 {
		return fmt.Sprintf("all are in its query, which has %d more, of windows that are open", waiting), nil
	}
	cols := visible(o)
	ts := columnTypes(o)
	for i := range cols {
		ts[i] = o.Cols[cols[i]].Type
	}
	for i := range rows {
		if r := &rows[i]; r.count > 0 {
			f.add("%d rows %s are not in its query", r.count, r.text(ts))
		} else {
			f.add("%d rows %s of its query are missing", -r.count, r.text(ts))
		}
	}
	f.found += more
	return "", nil
}

func (d *dirCheck) findings(name string, f *finding, fine string) {
	for _, p := range f.problems {
		d.problem("%s: %s", name, p)
	}
	if more := f.found - len(f.problems); more > 0 {
		d.say("PROBLEM  %s: and %d more", name, more)
		d.problems += more
	}
	if f.found == 0 {
		d.say("%s: %d rows, %s", name, f.rows, fine)
	}
}

// orphans looks for tables of the store that no object and no job owns.
func (d *dirCheck) orphans(meta *loadedMeta) {
	owned := map[storage.TableID]bool{}
	for _, o := range meta.catalog.Objects() {
		for _, t := range o.StateTables {
			owned[t] = true
		}
	}
	for _, t := range meta.garbage {
		owned[t] = true
	}
	tables, err := d.store.Tables()
	if err != nil {
		d.problem("the tables of the store cannot be listed: %s", reason(err))
	}
	for _, t := range tables {
		if !owned[t] {
			d.problem("table %d of the store holds rows, but belongs to no object", t)
		}
	}
}

// catalogProblems says where the catalog does not hold together.
func catalogProblems(cat *catalog.Catalog) []string {
	var out []string
	owner := map[storage.TableID]*catalog.Object{}
	for _, o := range cat.Objects() {
		say := func(format string, args ...any) {
			out = append(out, fmt.Sprintf("%s %s.%s: ", o.Kind, o.Schema, o.Name)+fmt.Sprintf(format, args...))
		}
		if _, ok := cat.Schema(o.Schema); !ok {
			say("its schema does not exist")
		}
		if named := cat.Find(o.Schema, o.Name); named != o {
			say("its name is that of object %d as well", named.ID)
		}
		needed := slices.Concat(o.DependsOn, o.Upstreams)
		if o.Index != nil {
			needed = append(needed, o.Index.On)
		}
		if o.Into != 0 {
			needed = append(needed, o.Into)
		}
		for _, id := range needed {
			if cat.ByID(id) == nil {
				say("it needs object %d, which does not exist", id)
			}
		}
		for _, id := range o.Upstreams {
			if up := cat.ByID(id); up != nil && !up.Runs() {
				say("its job reads that of %s, which has no plan", up.Name)
			}
		}
		for _, t := range o.StateTables {
			if other := owner[t]; other != nil {
				say("its table %d is that of %s as well", t, other.Name)
			}
			owner[t] = o
		}
		for _, p := range planProblems(o) {
			say("%s", p)
		}
	}
	return out
}

// planProblems says where an object's pinned plan does not fit the object.
func planProblems(o *catalog.Object) []string {
	if !o.Runs() {
		if o.Rows != nil {
			return []string{"it has rows, but no plan"}
		}
		return nil
	}
	p, err := op.UnmarshalPlan(o.Plan)
	if err != nil {
		return []string{"its plan cannot be read: " + reason(err)}
	}
	var out []string
	if err := p.Validate(); err != nil {
		out = append(out, "its plan does not hold together: "+err.Error())
	}
	if catalog.ID(p.Job) != o.ID {
		out = append(out, fmt.Sprintf("its plan is that of job %d", p.Job))
	}
	planned := map[storage.TableID]bool{}
	for _, t := range p.Tables() {
		planned[t.ID] = true
		if t.ID != 0 && !slices.Contains(o.StateTables, t.ID) {
			out = append(out, fmt.Sprintf("its plan has table %d, the object does not", t.ID))
		}
	}
	if o.Rows != nil && !planned[o.Rows.Table.ID] {
		out = append(out, fmt.Sprintf("its rows are in table %d, which its plan does not write", o.Rows.Table.ID))
	}
	for _, u := range p.Upstreams() {
		if !slices.Contains(o.Upstreams, catalog.ID(u)) {
			out = append(out, fmt.Sprintf("its plan reads job %d, the object does not", u))
		}
	}
	return out
}
