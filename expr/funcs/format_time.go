package funcs

import (
	"math"
	"strings"
	"time"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/types"
	"streamdb/vec"
)

// timeToChar is to_char of timestamps; zoned: of instants, in the session's time
// zone. Rows of a batch are near each other in time as a rule, so the last text is
// kept with the time for which it holds: a day for 'YYYY-MM-DD'. A batch with one
// text is a constant.
func timeToChar(zoned bool) evalFn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		var p timeText
		if zoned {
			p.zone = location(c)
		}
		x, mask, formats, rows := args[0].I64, args[0].Mask(), &args[1], c.Rows()
		if formats.Const {
			if _, err := p.print(x[c.Row(0)&mask], kernel.String(formats.Bytes(0))); err != nil {
				return vec.Vec{}, err
			}
			same := 0
			for same < rows && p.holds(x[c.Row(same)&mask]) {
				same++
			}
			if same == rows {
				return vec.ConstOf(types.LBytes, types.BytesDatum(p.text), c.N), nil
			}
		}
		out := kernel.NewOut(types.LBytes, c.N)
		for k := range rows {
			i := c.Row(k)
			us := x[i&mask]
			if !formats.Const || !p.holds(us) {
				ok, err := p.print(us, kernel.String(formats.Bytes(i)))
				if err != nil {
					return vec.Vec{}, err
				}
				if !ok {
					out.SetNull(i)
					continue
				}
			}
			out.SetBytes(i, p.text)
		}
		return out.Vec(), nil
	}
}

// timeText is the last text that was printed, and the times from <= t < to that
// have the same one.
type timeText struct {
	formats  dateFormats
	zone     *time.Location // nil: none
	from, to int64
	text     string
}

func (p *timeText) holds(us int64) bool { return us >= p.from && us < p.to }

// print makes the text of a time; false: it is NULL.
func (p *timeText) print(us int64, format string) (ok bool, err error) {
	p.from, p.to = 0, 0
	if infinite(us) || format == "" {
		return false, nil
	}
	pats := p.formats.get(format)
	local, name, offset := us, "", 0
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	if p.zone != nil {
		t := time.UnixMicro(us).In(p.zone)
		name, offset = t.Zone()
		local += int64(offset) * types.Second
		begun, ends := t.ZoneBounds()
		if !begun.IsZero() {
			low = begun.UnixMicro()
		}
		if !ends.IsZero() {
			high = ends.UnixMicro()
		}
	}
	if p.text, err = formatDate(pats, fieldsOfTimestamp(local, name, offset)); err != nil {
		return false, err
	}
	step := finestStep(pats)
	past := floorMod64(local, step)
	p.from, p.to = max(us-past, low), min(us-past+step, high)
	return true, nil
}

// finestStep is a time, in microseconds, within whose multiples the text of a local
// time does not change.
func finestStep(pats []datePattern) int64 {
	step := int64(types.Day)
	for _, p := range pats {
		switch key := strings.ToUpper(p.key); key {
		case "HH", "HH12", "HH24", "AM", "A.M.", "PM", "P.M.":
			step = min(step, types.Hour)
		case "MI":
			step = min(step, types.Minute)
		case "SS", "SSSS", "SSSSS":
			step = min(step, types.Second)
		case "MS", "FF3":
			step = min(step, types.Second/1000)
		default:
			if key == "US" || strings.HasPrefix(key, "FF") {
				return 1
			}
		}
	}
	return step
}
