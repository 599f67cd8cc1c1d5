package syscat

import "slices"

// The tables that describe the server rather than its objects.

func pgDatabase(in *Input, out *Rows) {
	out.Put(Row{"oid": databaseOID, "datname": in.Database, "datdba": ownerOID, "encoding": 6, "datlocprovider": "c", "datallowconn": true,
		"datconnlimit": -1, "dattablespace": defaultSpaceOID, "datcollate": "C", "datctype": "C.UTF-8"})
}

func pgTablespace(_ *Input, out *Rows) {
	out.Put(Row{"oid": defaultSpaceOID, "spcname": "pg_default", "spcowner": ownerOID})
}

func pgAm(_ *Input, out *Rows) {
	out.Put(Row{"oid": heapOID, "amname": "heap", "amtype": "t"})
	out.Put(Row{"oid": btreeOID, "amname": "btree", "amtype": "i"})
}

func pgLanguage(_ *Input, out *Rows) {
	out.Put(Row{"oid": 14, "lanname": "sql", "lanowner": ownerOID, "lanpltrusted": true})
}

func pgCollation(_ *Input, out *Rows) {
	for oid, name := range map[catalogID]string{defaultCollationOID: "default", 950: "C", 951: "POSIX"} {
		out.Put(Row{"oid": oid, "collname": name, "collnamespace": pgCatalogOID, "collowner": ownerOID, "collprovider": "c",
			"collisdeterministic": true, "collencoding": -1})
	}
}

func pgRoles(in *Input, out *Rows) {
	out.Put(Row{"oid": ownerOID, "rolname": in.User, "rolsuper": true, "rolinherit": true, "rolcreaterole": true, "rolcreatedb": true,
		"rolcanlogin": true, "rolreplication": true, "rolconnlimit": -1, "rolpassword": "********", "rolbypassrls": true})
}

func pgAuthid(in *Input, out *Rows) {
	out.Put(Row{"oid": ownerOID, "rolname": in.User, "rolsuper": true, "rolinherit": true, "rolcreaterole": true, "rolcreatedb": true,
		"rolcanlogin": true, "rolreplication": true, "rolconnlimit": -1, "rolbypassrls": true})
}

func pgUser(in *Input, out *Rows) {
	out.Put(Row{"usename": in.User, "usesysid": ownerOID, "usecreatedb": true, "usesuper": true, "userepl": true, "usebypassrls": true, "passwd": "********"})
}

func pgShadow(in *Input, out *Rows) {
	out.Put(Row{"usename": in.User, "usesysid": ownerOID, "usecreatedb": true, "usesuper": true, "userepl": true, "usebypassrls": true})
}

func pgSettings(in *Input, out *Rows) {
	for _, s := range presets {
		out.Put(Row{"name": s.Name, "setting": s.Value, "category": "Preset Options", "short_desc": s.Doc, "context": "internal",
			"vartype": "integer", "source": "default", "boot_val": s.Default, "reset_val": s.Default})
	}
	for _, s := range in.Runtime.Settings() {
		if slices.ContainsFunc(presets, func(p Setting) bool { return p.Name == s.Name }) {
			continue
		}
		out.Put(Row{"name": s.Name, "setting": s.Value, "category": "Settings", "short_desc": s.Doc, "context": "user", "vartype": "string",
			"source": "default", "boot_val": s.Default, "reset_val": s.Default})
	}
}

// presets are settings of the build, which nobody can change.
var presets = []Setting{
	{"block_size", "8192", "8192", "Size of a disk block, for clients that ask"},
	{"max_function_args", "100", "100", "Most arguments of a function"},
	{"max_identifier_length", "63", "63", "Most bytes of an identifier"},
	{"max_index_keys", "32", "32", "Most columns of a key"},
}

func pgStatActivity(in *Input, out *Rows) {
	for _, a := range in.Runtime.Activity() {
		state := "idle"
		if a.Query != "" {
			state = "active"
		}
		out.Put(Row{"datid": databaseOID, "datname": in.Database, "pid": int64(a.PID), "usesysid": ownerOID, "usename": a.User,
			"application_name": a.Application, "client_addr": a.Remote, "backend_start": a.Started, "state": state, "query": a.Query,
			"backend_type": "client backend"})
	}
}
