package report

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteText writes the results as tables for a terminal.
func WriteText(w io.Writer, r *Results, bars []Bar) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := range r.Rows {
		row := &r.Rows[i]
		columns := row.columns()
		fmt.Fprintf(t, "\n%s: %s\n", row.ID, row.Title)
		for _, c := range columns {
			fmt.Fprintf(t, "\t%s", c.head(row))
		}
		fmt.Fprintln(t)
		for k := range row.Series {
			fmt.Fprint(t, row.Series[k].Label)
			for _, cell := range row.cells(&row.Series[k], columns) {
				fmt.Fprintf(t, "\t%s", cell)
			}
			fmt.Fprintln(t)
		}
	}
	fmt.Fprint(t, "\nbar\twant\tgot\tleast\tmost\t\n")
	for i := range bars {
		b := &bars[i]
		o := b.Judge(r)
		if r.Row(b.Row) == nil {
			continue
		}
		got, low, high := "–", "–", "–"
		if o.Measured {
			got, low, high = b.write(o.Value), number(o.Low), number(o.High)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", b.Claim, b.Want(), got, low, high, b.Verdict(o))
	}
	return t.Flush()
}
