package catalog

import "streamdb/types"

// Ingested is the hidden column of a table with a retention time: when a row
// came in, or was changed last.
var Ingested = Column{Column: types.Column{Name: "_ingested", Type: types.Of(types.TimestampTZ), Hidden: true}, Generated: "proctime()"}
