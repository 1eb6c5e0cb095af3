package report

import (
	"fmt"
	"html"
	"strings"
)

// A chart's measures, in pixels.
const (
	chartWidth  = 760
	labelWidth  = 210
	valueWidth  = 80
	barHeight   = 22
	barDistance = 30
	chartTop    = 56
)

// chart draws the row's first figure: a bar for each series that has it. It is
// "" if there are fewer than two.
func (r *Row) chart() string {
	columns := r.columns()
	if len(columns) == 0 {
		return ""
	}
	c := columns[0]
	var labels []string
	var values []float64
	longest := 0.0
	for i := range r.Series {
		if v, ok := r.Series[i].Median(c.figure); ok {
			labels, values = append(labels, r.Series[i].Label), append(values, v/c.scale)
			longest = max(longest, v/c.scale)
		}
	}
	if len(values) < 2 || longest <= 0 {
		return ""
	}
	var b strings.Builder
	height := chartTop + len(values)*barDistance + 8
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img" font-family="system-ui, sans-serif" font-size="13">
<title>%s: %s</title>
<rect width="%[1]d" height="%[2]d" rx="8" fill="#ffffff"/>
<text x="16" y="24" font-weight="600" fill="#1d2026">%[3]s</text>
<text x="16" y="43" fill="#5c6270">%[4]s, less is better</text>
`, chartWidth, height, html.EscapeString(r.Title), html.EscapeString(c.head(r)))
	for i, v := range values {
		y := chartTop + i*barDistance
		fill := "#a9afbd"
		if strings.HasPrefix(labels[i], "Parley") {
			fill = "#2b5bd7"
		}
		width := max(v/longest*(chartWidth-labelWidth-valueWidth-16), 1)
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#1d2026">%s</text>
<rect x="%d" y="%d" width="%.1f" height="%d" rx="3" fill="%s"/>
<text x="%.1f" y="%d" fill="#1d2026">%s</text>
`, labelWidth-8, y+barHeight/2+5, html.EscapeString(labels[i]), labelWidth, y, width, barHeight, fill,
			labelWidth+width+8, y+barHeight/2+5, number(v))
	}
	b.WriteString("</svg>\n")
	return b.String()
}
