package funcs

import (
	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// choose picks the best of the viable candidates: nil with many = true when
// several are equally good. It follows func_select_candidate in Postgres's
// parse_func.c step by step.
func choose(cands []*expr.Def, args []types.T) (best *expr.Def, many bool) {
	if d := exact(cands, args); d != nil {
		return d, false
	}
	if len(cands) <= 1 {
		return first(cands), false
	}
	// Most exact matches.
	cands = keepMost(cands, func(d *expr.Def) int {
		n := 0
		for i, a := range args {
			if a.ID != types.Unknown && isExact(d, i, a) {
				n++
			}
		}
		return n
	})
	if len(cands) == 1 {
		return cands[0], false
	}
	// Most exact or preferred types.
	cands = keepMost(cands, func(d *expr.Def) int {
		n := 0
		for i, a := range args {
			if a.ID != types.Unknown && (isExact(d, i, a) || preferredFor(d.ArgType(i), a.Category())) {
				n++
			}
		}
		return n
	})
	if len(cands) == 1 {
		return cands[0], false
	}
	unknowns := 0
	for _, a := range args {
		if a.ID == types.Unknown {
			unknowns++
		}
	}
	if unknowns == 0 {
		return nil, true
	}
	cands = byCategory(cands, args)
	if len(cands) == 1 {
		return cands[0], false
	}
	if d := asKnown(cands, args, unknowns); d != nil {
		return d, false
	}
	return nil, true
}

func first(cands []*expr.Def) *expr.Def {
	if len(cands) == 0 {
		return nil
	}
	return cands[0]
}

func preferredFor(t types.T, category byte) bool {
	return t.ID != types.Unknown && t.Category() == category && t.Preferred()
}

// keepMost keeps the candidates with the highest score.
func keepMost(cands []*expr.Def, score func(*expr.Def) int) []*expr.Def {
	best := -1
	var out []*expr.Def
	for _, d := range cands {
		switch s := score(d); {
		case s > best:
			best, out = s, []*expr.Def{d}
		case s == best:
			out = append(out, d)
		}
	}
	return out
}

// byCategory decides untyped literals by the category that the candidates have
// at their position: string if any has it, else the one they all share.
func byCategory(cands []*expr.Def, args []types.T) []*expr.Def {
	category := make([]byte, len(args))
	preferred := make([]bool, len(args))
	for i, a := range args {
		if a.ID != types.Unknown {
			continue
		}
		conflict := false
		for _, d := range cands {
			t := d.ArgType(i)
			switch c := t.Category(); {
			case category[i] == 0:
				category[i], preferred[i] = c, t.Preferred()
			case c == category[i]:
				preferred[i] = preferred[i] || t.Preferred()
			case c == 'S':
				category[i], preferred[i] = c, t.Preferred()
			default:
				conflict = true
			}
		}
		if conflict && category[i] != 'S' {
			return cands
		}
	}
	var out []*expr.Def
next:
	for _, d := range cands {
		for i, a := range args {
			if a.ID != types.Unknown {
				continue
			}
			t := d.ArgType(i)
			if t.Category() != category[i] || preferred[i] && !t.Preferred() {
				continue next
			}
		}
		out = append(out, d)
	}
	if len(out) == 0 {
		return cands
	}
	return out
}

// asKnown assumes that untyped literals have the type of the typed arguments,
// when those all have the same one.
func asKnown(cands []*expr.Def, args []types.T, unknowns int) *expr.Def {
	if unknowns == len(args) {
		return nil
	}
	var known types.T
	for _, a := range args {
		switch {
		case a.ID == types.Unknown:
		case known.ID == types.Unknown:
			known = a
		case !known.SameKind(a):
			return nil
		}
	}
	var found *expr.Def
	for _, d := range cands {
		same := make([]types.T, len(args))
		for i := range same {
			same[i] = known
		}
		if len(viable([]*expr.Def{d}, same)) == 1 {
			if found != nil {
				return nil
			}
			found = d
		}
	}
	return found
}

// CommonType is the type that all of ts are converted to where several
// expressions make one column: UNION, CASE, VALUES, IN, ARRAY (manual, section
// 10.5). All untyped literals: text. Modifiers are kept when all agree. Error 42804.
func CommonType(ts []types.T) (types.T, error) { return CommonTypeFor("", ts) }

// CommonTypeFor is CommonType whose error begins with the construct's name: "UNION".
func CommonTypeFor(what string, ts []types.T) (types.T, error) {
	var best types.T
	sameMod := true
	for _, t := range ts {
		switch {
		case t.ID == types.Unknown:
		case best.ID == types.Unknown:
			best = t
		case best.SameKind(t):
			sameMod = sameMod && best.Mod == t.Mod
		case best.Category() != t.Category():
			if what != "" {
				what += " "
			}
			return types.T{}, sqlerr.New(sqlerr.DatatypeMismatch, "%stypes %s and %s cannot be matched", what, typeName(best), typeName(t))
		default:
			sameMod = false
			if !best.Preferred() && casts.CanCoerce(best, t, casts.Implicit) && !casts.CanCoerce(t, best, casts.Implicit) {
				best = t
			}
		}
	}
	if best.ID == types.Unknown {
		return types.Of(types.Text), nil
	}
	if !sameMod {
		best.Mod = 0
	}
	return best, nil
}
