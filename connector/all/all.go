package all

import (
	"streamdb/connector"
	"streamdb/connector/blackhole"
	"streamdb/connector/datagen"
	"streamdb/connector/file"
	"streamdb/connector/kafka"
	"streamdb/connector/nexmark"
)

var list = []func() *connector.Def{
	blackhole.Def,
	datagen.Def,
	file.Def,
	kafka.Def,
	nexmark.Def,
}

// Defs is all connectors, by name.
func Defs() []*connector.Def {
	defs := make([]*connector.Def, len(list))
	for i, f := range list {
		defs[i] = f()
	}
	return defs
}

// Find returns a connector by name.
func Find(name string) (*connector.Def, bool) {
	for _, f := range list {
		if d := f(); d.Name == name {
			return d, true
		}
	}
	return nil, false
}
