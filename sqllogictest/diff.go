package sqllogictest

import "fmt"

// diffCellsMax bounds the table of diff. Longer inputs are compared from both
// ends only.
const diffCellsMax = 4_000_000

// diffContext is how many equal lines stay around a difference.
const diffContext = 2

// diff shows how two lists of lines differ, "-" for lines of a only and "+" for
// lines of b only. Lines count as equal when they are so once normalized.
func diff(a, b []string) []string {
	na, nb := normalizeAll(a), normalizeAll(b)
	head := 0
	for head < len(na) && head < len(nb) && na[head] == nb[head] {
		head++
	}
	tail := 0
	for tail < len(na)-head && tail < len(nb)-head && na[len(na)-1-tail] == nb[len(nb)-1-tail] {
		tail++
	}
	var out []string
	for _, l := range b[:head] {
		out = append(out, "  "+l)
	}
	midA, midB := a[head:len(a)-tail], b[head:len(b)-tail]
	out = append(out, diffMiddle(midA, midB, na[head:len(na)-tail], nb[head:len(nb)-tail])...)
	for _, l := range b[len(b)-tail:] {
		out = append(out, "  "+l)
	}
	return shorten(out)
}

// diffMiddle compares by the longest common subsequence, in a table of
// len(a)*len(b) cells.
func diffMiddle(a, b, na, nb []string) []string {
	var out []string
	if (len(a)+1)*(len(b)+1) > diffCellsMax {
		for _, l := range a {
			out = append(out, "- "+l)
		}
		for _, l := range b {
			out = append(out, "+ "+l)
		}
		return out
	}
	width := len(b) + 1
	lcs := make([]int32, (len(a)+1)*width)
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if na[i] == nb[j] {
				lcs[i*width+j] = lcs[(i+1)*width+j+1] + 1
			} else {
				lcs[i*width+j] = max(lcs[(i+1)*width+j], lcs[i*width+j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && na[i] == nb[j]:
			out = append(out, "  "+b[j])
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || lcs[(i+1)*width+j] >= lcs[i*width+j+1]):
			out = append(out, "- "+a[i])
			i++
		default:
			out = append(out, "+ "+b[j])
			j++
		}
	}
	return out
}

// shorten leaves out the equal lines that are far from any difference.
func shorten(lines []string) []string {
	near := make([]bool, len(lines))
	for i, l := range lines {
		if l[0] == ' ' {
			continue
		}
		for k := max(0, i-diffContext); k <= min(len(lines)-1, i+diffContext); k++ {
			near[k] = true
		}
	}
	var out []string
	for i := 0; i < len(lines); {
		if near[i] {
			out = append(out, lines[i])
			i++
			continue
		}
		from := i
		for i < len(lines) && !near[i] {
			i++
		}
		out = append(out, fmt.Sprintf("  ... %d equal lines", i-from))
	}
	return out
}
