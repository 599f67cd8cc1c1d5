package catalog

import (
	"maps"
	"slices"
	"strings"

	"streamdb/internal/sqlerr"
)

// Catalog is an immutable snapshot of all objects. The zero value is not
// usable: see New.
type Catalog struct {
	Version uint64
	byID    map[ID]*Object
	byName  map[string]*Object // schema \x00 name
	schemas map[string]ID
}

// New returns a catalog with the schema public and nothing in it.
func New() *Catalog {
	return &Catalog{
		byID:    map[ID]*Object{},
		byName:  map[string]*Object{},
		schemas: map[string]ID{"public": 2200},
	}
}

func nameKey(schema, name string) string { return schema + "\x00" + name }

// ByID finds an object; nil if there is none.
func (c *Catalog) ByID(id ID) *Object { return c.byID[id] }

// Find finds an object by schema and name; nil if there is none.
func (c *Catalog) Find(schema, name string) *Object { return c.byName[nameKey(schema, name)] }

// Resolve finds a possibly unqualified name along the search path; nil if there is none.
func (c *Catalog) Resolve(schema, name string, searchPath []string) *Object {
	if schema != "" {
		return c.Find(schema, name)
	}
	for _, s := range searchPath {
		if o := c.Find(s, name); o != nil {
			return o
		}
	}
	return nil
}

// Schema returns the OID of a schema.
func (c *Catalog) Schema(name string) (ID, bool) { id, ok := c.schemas[name]; return id, ok }

// Schemas lists the schemas by name.
func (c *Catalog) Schemas() []string { return slices.Sorted(maps.Keys(c.schemas)) }

// Objects lists all objects in order of ID: creation order.
func (c *Catalog) Objects() []*Object {
	return slices.SortedFunc(maps.Values(c.byID), func(a, b *Object) int { return int(a.ID) - int(b.ID) })
}

// Dependents lists the objects that read id directly, in order of ID.
func (c *Catalog) Dependents(id ID) []*Object {
	var out []*Object
	for _, o := range c.Objects() {
		if slices.Contains(o.DependsOn, id) {
			out = append(out, o)
		}
	}
	return out
}

// DependentsTree lists all direct and indirect dependents of id, those that
// depend on others after them: reversed, it is the order to drop them in.
func (c *Catalog) DependentsTree(id ID) []*Object {
	seen := map[ID]bool{id: true}
	var out []*Object
	for _, o := range c.Objects() { // dependents have greater ids than what they read
		for _, d := range o.DependsOn {
			if seen[d] {
				seen[o.ID] = true
				out = append(out, o)
				break
			}
		}
	}
	return out
}

// Readers lists the objects whose jobs read the output of id's job.
func (c *Catalog) Readers(id ID) []*Object {
	var out []*Object
	for _, o := range c.Objects() {
		if slices.Contains(o.Upstreams, id) {
			out = append(out, o)
		}
	}
	return out
}

// Indexes lists the indexes of a relation, in order of ID.
func (c *Catalog) Indexes(id ID) []*Object {
	var out []*Object
	for _, o := range c.byID {
		if o.Index != nil && o.Index.On == id {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b *Object) int { return int(a.ID) - int(b.ID) })
	return out
}

func (c *Catalog) clone() *Catalog {
	return &Catalog{Version: c.Version + 1, byID: maps.Clone(c.byID), byName: maps.Clone(c.byName), schemas: maps.Clone(c.schemas)}
}

// With returns the catalog with o added, or put in place of the object with its ID.
func (c *Catalog) With(o *Object) *Catalog {
	n := c.clone()
	n.unname(n.byID[o.ID])
	n.byID[o.ID] = o
	n.byName[nameKey(o.Schema, o.Name)] = o
	return n
}

// Without returns the catalog with an object removed.
func (c *Catalog) Without(id ID) *Catalog {
	n := c.clone()
	if old := n.byID[id]; old != nil {
		n.unname(old)
		delete(n.byID, id)
	}
	return n
}

// unname frees an object's name, unless another one has taken it over.
func (c *Catalog) unname(o *Object) {
	if o == nil {
		return
	}
	if k := nameKey(o.Schema, o.Name); c.byName[k] == o {
		delete(c.byName, k)
	}
}

// WithSchema returns the catalog with a schema added.
func (c *Catalog) WithSchema(name string, id ID) *Catalog {
	n := c.clone()
	n.schemas[name] = id
	return n
}

// WithoutSchema returns the catalog with a schema removed.
func (c *Catalog) WithoutSchema(name string) *Catalog {
	n := c.clone()
	delete(n.schemas, name)
	return n
}

// CheckFree returns 42P07 when the name is taken in the schema, 3F000 when
// there is no such schema.
func (c *Catalog) CheckFree(schema, name string) error {
	if _, ok := c.schemas[schema]; !ok {
		return sqlerr.New(sqlerr.InvalidSchemaName, "schema \"%s\" does not exist", schema)
	}
	if c.Find(schema, name) != nil {
		return sqlerr.New(sqlerr.DuplicateTable, "relation \"%s\" already exists", name)
	}
	return nil
}

// IsSystemSchema reports whether a schema holds system tables.
func IsSystemSchema(name string) bool {
	return name == "information_schema" || name == "streamdb" || name == "rw_catalog" || strings.HasPrefix(name, "pg_")
}
