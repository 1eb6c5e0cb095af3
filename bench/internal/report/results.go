// Package report holds what was measured, compares it with the bars, and writes
// the page that shows it.
package report

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Results are all that a run measured, and where.
type Results struct {
	Date    string // 2006-01-02 15:04 UTC
	Machine Machine
	Quick   bool
	Rows    []Row
}

// A Machine says what it was measured on and with.
type Machine struct {
	CPU      string
	Cores    int
	Kernel   string
	Memory   string
	Versions []Version
}

// A Version is that of one program or library.
type Version struct{ Name, Version string }

// A Row is one load, put on several servers.
type Row struct {
	ID     string // as -only sees it
	Title  string
	Unit   string // what CPU time is per: message, delivery, handshake; connection for memory
	Series []Series
	Notes  []string
}

// A Series is what one server did, round by round. Round k of one server and
// round k of another ran one after the other.
type Series struct {
	ID     string // in its row
	Label  string
	Absent string    // why its rounds do not count; "" if they do
	Rounds []Figures // nil is one that failed
}

// Figures are what one round measured, by the names below.
type Figures map[string]float64

// The names of figures.
const (
	CPU       = "cpu_us"       // CPU-microseconds of the server per unit
	P50       = "p50_us"       // median latency in microseconds
	P99       = "p99_us"       // latency that 99 % do not exceed, in microseconds
	Tail      = "p99_per_p50"  // P99 / P50
	PerSecond = "per_second"   // units per second
	Busy      = "busy"         // share of one core that the server used
	Others    = "others"       // share of both cores that went neither to the server nor to the generator
	Memory    = "bytes"        // resident bytes per connection
	Time      = "ns"           // nanoseconds per operation of a Go benchmark
	Allocs    = "allocs"       // allocations per operation of a Go benchmark
	Check     = "check_cpu_us" // CPU as another load generator sees it
)

// Median returns the median of one figure over a series' rounds; false if it
// has none, or is absent.
func (s *Series) Median(figure string) (float64, bool) {
	if s.Absent != "" {
		return 0, false
	}
	var values []float64
	for _, round := range s.Rounds {
		if v, ok := round[figure]; ok {
			values = append(values, v)
		}
	}
	return median(values)
}

// all returns one figure of all rounds of all series.
func (r *Results) all(figure string) []float64 {
	var values []float64
	for _, row := range r.Rows {
		for _, s := range row.Series {
			for _, round := range s.Rounds {
				if v, ok := round[figure]; ok {
					values = append(values, v)
				}
			}
		}
	}
	return values
}

// median returns the middle of values, or the mean of the two middle ones.
func median(values []float64) (float64, bool) {
	if len(values) == 0 {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2, true
}

// Row returns the row with this ID, nil if there is none.
func (r *Results) Row(id string) *Row {
	for i := range r.Rows {
		if r.Rows[i].ID == id {
			return &r.Rows[i]
		}
	}
	return nil
}

// Find returns the series with this ID, nil if there is none.
func (r *Row) Find(id string) *Series {
	if r == nil {
		return nil
	}
	for i := range r.Series {
		if r.Series[i].ID == id {
			return &r.Series[i]
		}
	}
	return nil
}

// Read reads the results that Write has written to a file.
func Read(name string) (*Results, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var r Results
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return &r, nil
}

// Write writes r to a file.
func (r *Results) Write(name string) error {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetIndent("", " ")
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return os.WriteFile(name, []byte(b.String()), 0o644)
}
