package report

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Sizes of a plot in pixels.
const (
	plotWidth = 760
	barHeight = 14
	barGap    = 2
	groupGap  = 8
	charWidth = 6.4 // of 11 px text, on average
)

// colours of the series, told apart also without colour by lightness.
var colours = []string{"#2166ac", "#ef8a62", "#5aae61", "#b2abd2", "#8c510a", "#c7c7c7"}

// bars is what a plot shows: a value for each group and series, NaN where there
// is none.
type bars struct {
	groups, series []string
	value          [][]float64 // by group, by series
	most, least    float64     // of those above 0
}

// collect picks what a plot shows, in the order of the results.
func (p *Plot) collect(results []*Result) bars {
	b := bars{least: math.Inf(1)}
	at := func(names *[]string, name string) int {
		for i, n := range *names {
			if n == name {
				return i
			}
		}
		*names = append(*names, name)
		return len(*names) - 1
	}
	for _, r := range results {
		v, ok := r.Metrics[p.Metric]
		if !ok || !selects(p.Where, r) {
			continue
		}
		series := ""
		if p.Series != "" {
			series = r.label(p.Series)
		}
		g, s := at(&b.groups, r.label(p.By)), at(&b.series, series)
		for len(b.value) <= g {
			b.value = append(b.value, nil)
		}
		for len(b.value[g]) <= s {
			b.value[g] = append(b.value[g], math.NaN())
		}
		v *= cmp.Or(p.Scale, 1)
		b.value[g][s] = v
		b.most = max(b.most, v)
		if v > 0 {
			b.least = min(b.least, v)
		}
	}
	return b
}

// SVG draws the plot of the results; "" if it selects none.
func (p *Plot) SVG(results []*Result) string {
	b := p.collect(results)
	if len(b.groups) == 0 || b.most <= 0 {
		return ""
	}
	left := 0
	for _, g := range b.groups {
		left = max(left, len(g))
	}
	x0 := float64(left)*charWidth + 12
	x := p.axis(b, x0)
	var body strings.Builder
	y := 30.0
	if len(b.series) > 1 {
		y = legend(&body, b.series, x0, y)
	}
	top := y
	for g, name := range b.groups {
		height := float64(len(b.value[g]) * (barHeight + barGap))
		fmt.Fprintf(&body, `<text x="%.0f" y="%.0f" text-anchor="end">%s</text>`+"\n", x0-6, y+height/2+3, html.EscapeString(name))
		for s, v := range b.value[g] {
			if !math.IsNaN(v) {
				to := x(v)
				fmt.Fprintf(&body, `<rect x="%.1f" y="%.0f" width="%.1f" height="%d" fill="%s"/>`, x0, y, max(to-x0, 0.5), barHeight, colours[s%len(colours)])
				fmt.Fprintf(&body, `<text x="%.1f" y="%.0f">%s</text>`+"\n", max(to, x0)+4, y+barHeight-3, short(v))
			}
			y += barHeight + barGap
		}
		y += groupGap
	}
	if p.Mark > 0 {
		fmt.Fprintf(&body, `<line x1="%.1f" x2="%.1f" y1="%.0f" y2="%.0f" stroke="#b2182b" stroke-dasharray="4 3"/>`+"\n", x(p.Mark), x(p.Mark), top-4, y-groupGap+4)
	}
	title := p.Title
	if p.Unit != "" {
		title += ", " + p.Unit
	}
	if p.Log {
		title += " (logarithmic)"
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%.0f" viewBox="0 0 %d %.0f" font-family="sans-serif" font-size="11" fill="#222">
<rect width="100%%" height="100%%" fill="white"/>
<text x="8" y="16" font-size="13" font-weight="bold">%s</text>
%s</svg>
`, plotWidth, y+4, plotWidth, y+4, html.EscapeString(title), body.String())
}

// axis is the function from values to the x of a bar's end.
func (p *Plot) axis(b bars, x0 float64) func(v float64) float64 {
	room := plotWidth - x0 - 60
	most := max(b.most, p.Mark)
	if !p.Log {
		return func(v float64) float64 { return x0 + v/most*room }
	}
	from := math.Floor(math.Log10(b.least)*2)/2 - 0.25
	return func(v float64) float64 {
		if v <= 0 {
			return x0
		}
		return x0 + (math.Log10(v)-from)/(math.Log10(most)-from)*room
	}
}

// legend writes the names of the series and returns the y below them.
func legend(w *strings.Builder, series []string, x, y float64) float64 {
	left := x
	for s, name := range series {
		width := 26 + float64(len(name))*charWidth
		if x+width > plotWidth {
			x, y = left, y+16
		}
		fmt.Fprintf(w, `<rect x="%.0f" y="%.0f" width="10" height="10" fill="%s"/><text x="%.0f" y="%.0f">%s</text>`+"\n",
			x, y-6, colours[s%len(colours)], x+14, y+3, html.EscapeString(name))
		x += width
	}
	return y + 14
}

// short is a number with three significant digits.
func short(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1e9:
		return digits(v/1e9) + "G"
	case a >= 1e6:
		return digits(v/1e6) + "M"
	case a >= 1e4:
		return digits(v/1e3) + "k"
	}
	return digits(v)
}

func digits(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
