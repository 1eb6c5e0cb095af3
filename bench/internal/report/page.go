package report

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

//go:embed page.md.tmpl
var pageText string

// WritePage writes benchmarks.md, and its images in the folder benchmarks, into
// the folder docs.
func WritePage(docs string, r *Results, bars []Bar) error {
	var page strings.Builder
	if err := render(&page, r, bars); err != nil {
		return fmt.Errorf("rendering the page: %w", err)
	}
	images := filepath.Join(docs, "benchmarks")
	if err := os.MkdirAll(images, 0o755); err != nil {
		return err
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		if svg := row.chart(); svg != "" {
			if err := os.WriteFile(filepath.Join(images, row.ID+".svg"), []byte(svg), 0o644); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(docs, "benchmarks.md"), []byte(page.String()), 0o644)
}

func render(w io.Writer, r *Results, bars []Bar) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(w, newPage(r, bars))
}

// A page is what the template shows.
type page struct {
	*Results
	Judged []judged
	Missed int
	Shown  []shownRow
	Others string // how much of the cores others used, if that was much; "" if not
}

// quiet is the most that others use of a quiet machine's cores.
const quiet = 0.15

// A judged bar is one line of the first table.
type judged struct{ Claim, Want, Got, Range, Ours, Peer, Verdict string }

// A shownRow is one table with its image.
type shownRow struct {
	Title, Image, Alt string
	Table             []string // lines
	Notes             []string
}

func newPage(r *Results, bars []Bar) *page {
	p := &page{Results: r}
	for i := range bars {
		b := &bars[i]
		o := b.Judge(r)
		j := judged{Claim: b.Claim, Want: b.Want(), Got: "–", Range: "–", Ours: "–", Peer: "–", Verdict: b.Verdict(o)}
		if o.Measured {
			j.Got, j.Ours = b.write(o.Value), inUnit(b.Figure, o.Ours)
			if o.Rounds > 1 {
				j.Range = number(o.Low) + " to " + number(o.High)
			}
			if b.Peer != "" {
				j.Peer = inUnit(b.Figure, o.Peer)
			}
			if !b.None && !o.Reached {
				p.Missed++
			}
		}
		p.Judged = append(p.Judged, j)
	}
	for i := range r.Rows {
		p.Shown = append(p.Shown, show(&r.Rows[i]))
	}
	if share, _ := median(r.all(Others)); share > quiet {
		p.Others = fmt.Sprintf("%.0f %%", 100*share)
	}
	return p
}

// show writes a row's table, its image's name and its notes.
func show(r *Row) shownRow {
	s := shownRow{Title: r.Title, Notes: slices.Clone(r.Notes)}
	columns := slices.DeleteFunc(r.columns(), func(c column) bool { return c.figure == Check })
	if len(columns) > 0 {
		head, rule := "| |", "|---|"
		for _, c := range columns {
			head += " " + c.head(r) + " |"
			rule += "---:|"
		}
		s.Table = []string{head, rule}
		for i := range r.Series {
			line := "| " + r.Series[i].Label + " |"
			for _, cell := range r.cells(&r.Series[i], columns) {
				line += " " + cell + " |"
			}
			s.Table = append(s.Table, line)
		}
	} else {
		s.Notes = append(s.Notes, "Not measured.")
	}
	if r.chart() != "" {
		s.Image = "benchmarks/" + r.ID + ".svg"
		s.Alt = r.Title + ": " + columns[0].head(r)
	}
	if checked := checks(r); checked != "" {
		s.Notes = append(s.Notes, checked)
	}
	return s
}

// checks says what the other load generator found, "" if it did not run.
func checks(r *Row) string {
	var found []string
	for i := range r.Series {
		if v, ok := r.Series[i].Median(Check); ok {
			found = append(found, r.Series[i].Label+" "+number(v))
		}
	}
	if found == nil {
		return ""
	}
	return "The same load from another generator, CPU µs per " + r.Unit + ": " + strings.Join(found, ", ") + "."
}

// inUnit writes a figure with its unit.
func inUnit(figure string, v float64) string {
	switch figure {
	case CPU, P50, P99:
		return number(v) + " µs"
	case Memory:
		return number(v) + " B"
	case Time:
		return number(v) + " ns"
	}
	return number(v)
}
