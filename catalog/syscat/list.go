package syscat

// All lists the system tables.
func All() []*Table { return list }

var list = []*Table{
	pgNamespace,
}
