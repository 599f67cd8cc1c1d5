package engine_test

import (
	"fmt"
	"regexp"
	"slices"
)

// asOf joins the rows of a relation with the nearest row of a table that has a key.
func (g *lawGen) asOf(depth int) (string, []lawCol) {
	src, cols := g.from(depth - 1)
	for _, i := range g.Perm(len(g.rels)) {
		r := g.rels[i]
		if !r.key {
			continue
		}
		b := g.name("b")
		rc := lawQualify(b, r.cols)
		for _, k := range g.Perm(len(cols)) {
			same := lawOf(rc[1:], cols[k].t)
			if cols[k].t == lawBool || len(same) == 0 {
				continue
			}
			for _, t := range g.Perm(len(cols)) {
				times := lawOf(rc, cols[t].t)
				if cols[t].t == lawBool || cols[t].t == lawText || len(times) == 0 {
					continue
				}
				list, out := g.selectList(append(slices.Clone(cols), rc...), g.wanted(), 1)
				list += fmt.Sprintf(", %s.id as c%d", b, len(out))
				out = append(out, lawCol{fmt.Sprintf("c%d", len(out)), lawInt})
				return fmt.Sprintf("select %s from %s asof %sjoin %s %s on %s %s %s and %s %s %s%s", list, src, lawPick(g, "", "left "), r.name, b,
					cols[k].name, lawPick(g, "=", "=", "=", "is not distinct from"), lawPick(g, same...).name,
					cols[t].name, lawPick(g, ">=", ">", "<=", "<"), lawPick(g, times...).name, g.where(cols, 0)), out
			}
		}
	}
	return g.aggregate(depth)
}

var lawAsOf = regexp.MustCompile(`asof (left )?join ([\w.]+) (\w+) on (\S+ (?:=|is not distinct from) \S+) and (\S+) (<=|>=|<|>) ([\w.]+)`)

// lawLateral writes an AS-OF join as Postgres can do it.
func lawLateral(sql string) string {
	return lawAsOf.ReplaceAllStringFunc(sql, func(m string) string {
		p := lawAsOf.FindStringSubmatch(m)
		desc := ""
		if p[6][0] == '>' {
			desc = "desc"
		}
		return fmt.Sprintf("%sjoin lateral (select * from %s %s where %s and %s %s %s order by %s %s, %s.id desc limit 1) %s on true",
			p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[7], desc, p[3], p[3])
	})
}
