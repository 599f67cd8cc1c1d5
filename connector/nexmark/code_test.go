package nexmark

import "streamdb/internal/sqlerr"

func codeOf(err error) string { return sqlerr.Code(err) }
