package syscat

import "streamdb/catalog"

type catalogID = catalog.ID
