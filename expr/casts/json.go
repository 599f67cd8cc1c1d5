package casts

import "streamdb/expr"

func jsonCasts() []*expr.Def { return nil }
