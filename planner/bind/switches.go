package bind

// Switches turn parts of the planner off. The zero value plans as well as it
// can. Every plan computes the same rows: tests compare them.
type Switches struct {
	NoSharing  bool // equal subplans are computed once each
	NoOrdering bool // joins stay in the order of the query
	NoRewrites bool // no rewrites that change which operators do the work
	NoTwoPhase bool // rows are not combined before they are sent to be aggregated
	// ForceTwoPhase combines them always, not as long as that makes fewer.
	ForceTwoPhase bool
}
