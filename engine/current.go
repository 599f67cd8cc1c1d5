package engine

import (
	"strings"
	"time"

	"streamdb/types"
)

// current are the values of the settings that every statement looks at. They are
// read once after each change: see settings.now.
type current struct {
	cached       bool // statement_cache
	durable      bool // synchronous_visibility
	readOnly     bool // default_transaction_read_only
	serializable bool // default_transaction_isolation
	timeout      time.Duration
	plan         string // what plans depend on
	zone         *time.Location
	order        types.DateOrder
}

// planSettings are the settings that a plan may depend on, literals that are read
// while it is made included.
var planSettings = []string{"search_path", "timezone", "datestyle", "intervalstyle", "bytea_output", "extra_float_digits",
	"enable_share_plan", "enable_join_ordering", "enable_rewrites", "enable_two_phase_agg", "force_two_phase_agg"}

// current is the same until a setting changes.
func (s *settings) current() *current {
	if s.now != nil {
		return s.now
	}
	c := &current{
		cached:       s.on("statement_cache"),
		durable:      s.on("synchronous_visibility"),
		readOnly:     s.on("default_transaction_read_only"),
		serializable: s.must("default_transaction_isolation") == serializable,
		timeout:      s.statementTimeout(),
	}
	var plan strings.Builder
	for _, name := range planSettings {
		plan.WriteString(s.must(name))
		plan.WriteByte(0)
	}
	c.plan = plan.String()
	var err error
	if c.zone, err = types.LoadZone(s.must("timezone")); err != nil {
		c.zone = time.UTC
	}
	switch style := s.must("datestyle"); {
	case strings.HasSuffix(style, "DMY"):
		c.order = types.OrderDMY
	case strings.HasSuffix(style, "YMD"):
		c.order = types.OrderYMD
	}
	s.now = c
	return c
}
