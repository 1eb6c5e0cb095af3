package suite

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"parley.example/parley/bench/internal/report"
)

func TestBarsNameWhatIsMeasured(t *testing.T) {
	measured := map[string]bool{}
	for _, r := range rows(1 << 20) {
		for _, s := range r.series {
			id := r.id + "/" + s.id
			if measured[id] {
				t.Errorf("%s is there twice", id)
			}
			measured[id] = true
		}
	}
	for _, b := range Bars() {
		if !measured[b.Row+"/"+b.Series] || b.Peer != "" && !measured[b.Row+"/"+b.Peer] {
			t.Errorf("%q compares what is not measured", b.Claim)
		}
	}
}

func TestServersExist(t *testing.T) {
	for _, r := range rows(1 << 20) {
		for _, s := range r.series {
			folder := filepath.Join("../../apps", s.server.app)
			if s.server.peer != "" {
				folder = filepath.Join("../../peers", s.server.peer)
			}
			if _, err := os.Stat(folder); err != nil {
				t.Errorf("%s, %s: %v", r.id, s.id, err)
			}
		}
	}
}

func TestParseBenchmark(t *testing.T) {
	const out = `goos: linux
BenchmarkBareEcho   	 5000000	       400.0 ns/op	       210.5 cpu-ns/op	 304.00 MB/s	       0 B/op	       0 allocs/op
BenchmarkBareEchoes 	 5000000	       999 ns/op
PASS
`
	got := parseBenchmark(out, "BenchmarkBareEcho")
	if want := (report.Figures{report.Time: 210.5, report.Allocs: 0}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := parseBenchmark(out, "BenchmarkEndpointEcho"); got != nil {
		t.Errorf("got %v of a benchmark that did not run", got)
	}
}
