package report

// A column is one figure in a row's table.
type column struct {
	figure string
	name   string
	scale  float64 // the figure is divided by it
	per    bool    // the head ends with "per" and the row's unit
}

var allColumns = []column{
	{figure: CPU, name: "CPU µs", scale: 1, per: true},
	{figure: Check, name: "CPU µs by the other generator", scale: 1},
	{figure: P50, name: "p50 ms", scale: 1000},
	{figure: P99, name: "p99 ms", scale: 1000},
	{figure: PerSecond, name: "per second", scale: 1},
	{figure: Busy, name: "cores used", scale: 1},
	{figure: Others, name: "others' share", scale: 1},
	{figure: Memory, name: "bytes", scale: 1, per: true},
	{figure: Time, name: "ns", scale: 1, per: true},
	{figure: Allocs, name: "allocations", scale: 1, per: true},
}

func (c *column) head(r *Row) string {
	if c.per {
		return c.name + " per " + r.Unit
	}
	return c.name
}

// columns returns those that some series of the row has.
func (r *Row) columns() []column {
	var out []column
	for _, c := range allColumns {
		for i := range r.Series {
			if _, ok := r.Series[i].Median(c.figure); ok {
				out = append(out, c)
				break
			}
		}
	}
	return out
}

// cells writes the medians of one series; the first says why there are none.
func (r *Row) cells(s *Series, columns []column) []string {
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = "–"
		if v, ok := s.Median(c.figure); ok {
			cells[i] = number(v / c.scale)
		} else if i == 0 && s.Absent != "" {
			cells[i] = s.Absent
		}
	}
	return cells
}
