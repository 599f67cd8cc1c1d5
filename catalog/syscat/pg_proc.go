package syscat

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"

	"streamdb/catalog"
	"streamdb/types"
)

// typesText is what Postgres 15's pg_type says about the types that are here and
// what the types package does not know, one type a line: oid, typname, typtype,
// typbyval, typalign, typstorage, typelem, typarray, typcollation, then OID and
// name of typinput, typoutput, typreceive, typsend, typmodin and typmodout.
//
//go:embed types.txt
var typesText string

// typeRow is a line of typesText.
type typeRow struct {
	kind, align, storage   string
	byval                  bool
	elem, array, collation int
	funcs                  [6]proc // in the order of typesText
}

// proc is a function that has a row in pg_proc: input and output of types.
// Drivers look them up there to tell arrays and other kinds of types apart.
type proc struct {
	oid  int
	name string
}

var typeRows = sync.OnceValue(func() map[uint32]typeRow {
	m := map[uint32]typeRow{}
	for line := range strings.Lines(typesText) {
		f := strings.Fields(line)
		num := func(i int) int {
			n, err := strconv.Atoi(f[i])
			if err != nil {
				panic("syscat: types.txt: " + line)
			}
			return n
		}
		r := typeRow{kind: f[2], byval: f[3] == "t", align: f[4], storage: f[5], elem: num(6), array: num(7), collation: num(8)}
		for i := range r.funcs {
			r.funcs[i] = proc{num(9 + 2*i), f[10+2*i]}
		}
		m[uint32(num(0))] = r
	}
	return m
})

// procs lists the functions by OID.
var procs = sync.OnceValue(func() []proc {
	var all []proc
	for _, r := range typeRows() {
		for _, p := range r.funcs {
			if p.oid != 0 {
				all = append(all, p)
			}
		}
	}
	slices.SortFunc(all, func(a, b proc) int { return a.oid - b.oid })
	return slices.Compact(all)
})

// ProcName is the name of a function of pg_proc; "" if there is none.
func ProcName(oid uint32) string {
	for _, p := range procs() {
		if p.oid == int(oid) {
			return p.name
		}
	}
	return ""
}

// ProcOID finds a function of pg_proc by name.
func ProcOID(name string) (uint32, bool) {
	name = strings.TrimPrefix(name, "pg_catalog.")
	for _, p := range procs() {
		if p.name == name {
			return uint32(p.oid), true
		}
	}
	return 0, false
}

func pgProc(_ *Input, out *Rows) {
	for _, p := range procs() {
		out.Put(Row{"oid": p.oid, "proname": p.name, "pronamespace": pgCatalogOID, "proowner": ownerOID, "prolang": 12, "procost": 1.0,
			"prokind": "f", "proisstrict": true, "provolatile": "i", "proparallel": "s", "pronargs": 1, "prosrc": p.name})
	}
}

func pgType(_ *Input, out *Rows) {
	rows := typeRows()
	put := func(t types.T) {
		r, ok := rows[t.OID()]
		if !ok { // not a type of Postgres
			r = typeRow{kind: "b", align: "i", storage: "p"}
		}
		category := string(rune(t.Category()))
		if t.ID == types.Array {
			category = "A"
		}
		out.Put(Row{"oid": t.OID(), "typname": t.Typname(), "typnamespace": pgCatalogOID, "typowner": ownerOID, "typlen": t.Typlen(),
			"typbyval": r.byval, "typtype": r.kind, "typcategory": category, "typispreferred": t.Preferred(),
			"typisdefined": true, "typdelim": ",", "typelem": r.elem, "typarray": r.array, "typalign": r.align, "typstorage": r.storage,
			"typinput": r.funcs[0].oid, "typoutput": r.funcs[1].oid, "typreceive": r.funcs[2].oid, "typsend": r.funcs[3].oid,
			"typmodin": r.funcs[4].oid, "typmodout": r.funcs[5].oid, "typtypmod": -1, "typcollation": r.collation})
	}
	for _, t := range types.AllScalar() {
		put(t)
		if t.ArrayOID() != 0 {
			put(types.ArrayOf(t))
		}
	}
}

// DefaultText is a column's default as Postgres shows it: text constants with
// their type. "" if there is none.
func DefaultText(c catalog.Column) string {
	d := c.Default
	if len(d) < 2 || d[0] != '\'' || d[len(d)-1] != '\'' || strings.Count(d, "'")%2 != 0 || strings.Contains(strings.ReplaceAll(d[1:len(d)-1], "''", ""), "'") {
		return d
	}
	t := c.Type
	t.Mod = 0
	if t.ID == types.Text && c.Type.Mod > 0 {
		t.Mod = types.VarcharMod
	}
	return d + "::" + t.String()
}
