package wire

import (
	"context"

	"streamdb/internal/sqlerr"
)

// simpleQuery is the message Query: statements that share an implicit
// transaction, each run as soon as those before it are done. The first error
// ends the rest. The last command tag waits for the commit (see hold).
func (c *conn) simpleQuery(sql string) {
	delete(c.statements, "")
	c.closePortal("")
	ctx := c.run.enter()
	var at Statement
	err := c.guard(func() error { return c.runAll(ctx, sql, &at) })
	c.run.leave()
	if err != nil {
		c.fail(ctx, err, sql, at)
	} else {
		c.commit(sql, at)
	}
	c.ready()
}

// runAll runs the statements of a text; at is the one now running.
func (c *conn) runAll(ctx context.Context, sql string, at *Statement) error {
	if err := checkText(sql); err != nil {
		return err
	}
	all, err := c.session.Split(sql)
	if err != nil {
		return err
	}
	c.more = c.more || len(all) > 1
	some := false
	for _, s := range all {
		if s.Empty() {
			continue
		}
		some, *at = true, s
		c.release()
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.runOne(ctx, s); err != nil {
			return err
		}
	}
	*at = nil
	if !some {
		c.out.sendRaw('I')
	}
	return nil
}

func (c *conn) runOne(ctx context.Context, s Statement) error {
	prep, err := c.session.Prepare(ctx, s, nil)
	if err != nil {
		return err
	}
	if len(prep.ParamTypes()) > 0 {
		return sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $1")
	}
	before := c.session.Status()
	rows, err := c.session.Execute(ctx, prep, nil)
	if err != nil {
		return err
	}
	p := &portal{rows: rows}
	defer p.close(c)
	if copied, err := c.copies(ctx, rows); copied {
		if err != nil {
			return err
		}
		c.ended(before, rows.Tag(), nil)
		return nil
	}
	if cols := rows.Columns(); cols != nil {
		c.sendRowDescription(cols, nil)
	}
	if _, err := c.pull(ctx, p, -1); err != nil {
		return err
	}
	c.ended(before, rows.Tag(), nil)
	return nil
}
