package syscat

// fills says how the tables that are not always empty get their rows: one line
// each. A function, since some of them ask for the list of all tables.
func fills() map[string]func(*Input, *Rows) {
	return map[string]func(*Input, *Rows){
		"pg_catalog.pg_am":                   pgAm,
		"pg_catalog.pg_attrdef":              pgAttrdef,
		"pg_catalog.pg_attribute":            pgAttribute,
		"pg_catalog.pg_class":                pgClass,
		"pg_catalog.pg_collation":            pgCollation,
		"pg_catalog.pg_constraint":           pgConstraint,
		"pg_catalog.pg_database":             pgDatabase,
		"pg_catalog.pg_description":          pgDescription,
		"pg_catalog.pg_index":                pgIndex,
		"pg_catalog.pg_indexes":              pgIndexes,
		"pg_catalog.pg_language":             pgLanguage,
		"pg_catalog.pg_matviews":             pgMatviews,
		"pg_catalog.pg_namespace":            pgNamespace,
		"pg_catalog.pg_proc":                 pgProc,
		"pg_catalog.pg_foreign_table":        pgForeignTable,
		"pg_catalog.pg_foreign_server":       pgForeignServer,
		"pg_catalog.pg_foreign_data_wrapper": pgForeignDataWrapper,
		"pg_catalog.pg_roles":                pgRoles,
		"pg_catalog.pg_authid":               pgAuthid,
		"pg_catalog.pg_settings":             pgSettings,
		"pg_catalog.pg_stat_activity":        pgStatActivity,
		"pg_catalog.pg_tables":               pgTables,
		"pg_catalog.pg_tablespace":           pgTablespace,
		"pg_catalog.pg_type":                 pgType,
		"pg_catalog.pg_user":                 pgUser,
		"pg_catalog.pg_shadow":               pgShadow,
		"pg_catalog.pg_views":                pgViews,

		"information_schema.columns":                 infoColumns,
		"information_schema.schemata":                infoSchemata,
		"information_schema.tables":                  infoTables,
		"information_schema.views":                   infoViews,
		"information_schema.table_constraints":       infoTableConstraints,
		"information_schema.key_column_usage":        infoKeyColumnUsage,
		"information_schema.constraint_column_usage": infoConstraintColumnUsage,
		"information_schema.element_types":           infoElementTypes,
		"information_schema.table_privileges":        infoTablePrivileges,
		"information_schema.enabled_roles":           func(in *Input, out *Rows) { out.Put(Row{"role_name": in.User}) },

		"information_schema.information_schema_catalog_name": infoCatalogName,
	}
}
