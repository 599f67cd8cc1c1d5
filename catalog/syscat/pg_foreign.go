package syscat

import (
	"maps"
	"slices"
	"strings"

	"streamdb/catalog"
	"streamdb/types"
)

// Sources, sinks and tables with a connector are foreign tables of a server
// that stands for their connector.

const (
	wrapperOID catalog.ID = 13100
	serverBase catalog.ID = 13101 // + position among the connectors in use
)

// foreign calls fn for every foreign table, with the OID of its server.
func foreign(in *Input, fn func(o *catalog.Object, server catalog.ID)) {
	names := servers(in)
	for _, o := range in.Catalog.Objects() {
		if relkinds[o.Kind] == "f" && o.Connector != nil {
			fn(o, serverBase+catalog.ID(slices.Index(names, o.Connector.Name)))
		}
	}
}

// servers lists the connectors in use.
func servers(in *Input) []string {
	set := map[string]bool{}
	for _, o := range in.Catalog.Objects() {
		if relkinds[o.Kind] == "f" && o.Connector != nil {
			set[o.Connector.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func pgForeignDataWrapper(_ *Input, out *Rows) {
	out.Put(Row{"oid": wrapperOID, "fdwname": "connector", "fdwowner": ownerOID})
}

func pgForeignServer(in *Input, out *Rows) {
	for i, name := range servers(in) {
		out.Put(Row{"oid": serverBase + catalog.ID(i), "srvname": name, "srvowner": ownerOID, "srvfdw": wrapperOID})
	}
}

func pgForeignTable(in *Input, out *Rows) {
	foreign(in, func(o *catalog.Object, server catalog.ID) {
		var options []types.Datum
		for _, k := range slices.Sorted(maps.Keys(o.Connector.Options)) {
			v := o.Connector.Options[k]
			if secret(k) {
				v = "***"
			}
			options = append(options, types.BytesDatum(k+"="+v))
		}
		row := Row{"ftrelid": o.ID, "ftserver": server}
		if len(options) > 0 {
			row["ftoptions"] = texts(options)
		}
		out.Put(row)
	})
}

// secret reports an option whose value is not for everybody's eyes.
func secret(option string) bool {
	for _, word := range []string{"password", "secret", "token", "private", "jaas", "credential", "access.key"} {
		if strings.Contains(strings.ToLower(option), word) {
			return true
		}
	}
	return false
}

// texts makes a text[].
func texts(elems []types.Datum) types.Datum {
	quoted := make([]string, len(elems))
	for i, e := range elems {
		quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(e.S) + `"`
	}
	d, err := types.ParseText(types.ArrayOf(types.Of(types.Text)), "{"+strings.Join(quoted, ",")+"}", nil)
	if err != nil {
		panic(err)
	}
	return d
}
