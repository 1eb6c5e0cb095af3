package report

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

func sample() *Results {
	return &Results{
		Date: "2026-01-02 15:04 UTC",
		Machine: Machine{
			CPU: "A Processor", Cores: 2, Kernel: "Linux 6.1", Memory: "24 GiB",
			Versions: []Version{{"Parley", "abc"}, {"gws", "v1"}},
		},
		Rows: []Row{
			{
				ID: "echo", Title: "Echo of 64 B", Unit: "message", Notes: []string{"A note."},
				Series: []Series{
					{ID: "parley", Label: "Parley", Rounds: []Figures{
						{CPU: 5, P50: 600, P99: 1200, Tail: 2, PerSecond: 123_456, Busy: .99, Check: 5.5, Others: .254},
						{CPU: 6, P50: 700, P99: 1300, Tail: 1.9, PerSecond: 99_500, Busy: 1},
						{CPU: 9, P50: 800, P99: 1400, Tail: 1.7, PerSecond: 50_000, Busy: .5},
					}},
					{ID: "gws", Label: "gws", Rounds: []Figures{
						{CPU: 10, P50: 60, P99: 120_000, Tail: 2000, PerSecond: 50_000, Busy: 1},
						{CPU: 10, P50: 60, P99: 120_000, Tail: 2000, PerSecond: 50_000, Busy: 1},
						{CPU: 20, P50: 60, P99: 120_000, Tail: 2000, PerSecond: 50_000, Busy: 1},
					}},
					{ID: "ws", Label: "ws (Node.js)", Absent: "node is not installed"},
				},
			},
			{
				ID: "idle", Title: "Idle connections", Unit: "connection",
				Series: []Series{
					{ID: "parley", Label: "Parley", Rounds: []Figures{nil, {Memory: 999.6}}},
					{ID: "parley-tls", Label: "Parley, TLS", Absent: "not in this version"},
				},
			},
			{ID: "code", Title: "Go benchmarks", Unit: "message", Series: []Series{{ID: "bare", Label: "engine"}}},
		},
	}
}

var sampleBars = []Bar{
	{Claim: "CPU beside gws", Row: "echo", Series: "parley", Peer: "gws", Figure: CPU, Limit: .55},
	{Claim: "work beside gws", Row: "echo", Series: "parley", Peer: "gws", Figure: CPU, Work: true, AtLeast: true, Limit: 3},
	{Claim: "CPU less gws", Row: "echo", Series: "parley", Peer: "gws", Figure: CPU, Minus: true, Limit: -4, Unit: "µs"},
	{Claim: "tail", Row: "echo", Series: "parley", Figure: Tail, Limit: 8},
	{Claim: "CPU beside ws", Row: "echo", Series: "parley", Peer: "ws", Figure: CPU, Limit: .6},
	{Claim: "memory", Row: "idle", Series: "parley", Figure: Memory, Limit: 1200, Unit: "B"},
	{Claim: "memory, TLS", Row: "idle", Series: "parley-tls", Figure: Memory, None: true, Unit: "B"},
	{Claim: "time", Row: "code", Series: "bare", Figure: Time, Limit: 1, Unit: "ns"},
}

func TestJudge(t *testing.T) {
	r := sample()
	for i, want := range []Outcome{
		// 5/10, 6/10, 9/20: not 6/10, the ratio of the medians.
		{Measured: true, Ours: 6, Peer: 10, Value: .5, Low: .45, High: .6, Rounds: 3, Reached: true},
		{Measured: true, Ours: 6, Peer: 10, Value: 2, Low: 10. / 6, High: 20. / 9, Rounds: 3},
		{Measured: true, Ours: 6, Peer: 10, Value: -5, Low: -11, High: -4, Rounds: 3, Reached: true},
		{Measured: true, Ours: 1.9, Value: 1.9, Low: 1.7, High: 2, Rounds: 3, Reached: true},
		{Why: "ws (Node.js): node is not installed"},
		{Measured: true, Ours: 999.6, Value: 999.6, Low: 999.6, High: 999.6, Rounds: 1, Reached: true},
		{Why: "Parley, TLS: not in this version"},
		{Why: "not measured"},
	} {
		if got := sampleBars[i].Judge(r); got != want {
			t.Errorf("%s: %+v, want %+v", sampleBars[i].Claim, got, want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{4, 1}, 2.5},
		{[]float64{9, 1, 3}, 3},
		{[]float64{9, 1, 3, 4}, 3.5},
	} {
		if got, ok := median(test.values); got != test.want || !ok {
			t.Errorf("median(%v) = %v, %v", test.values, got, ok)
		}
	}
	if _, ok := median(nil); ok {
		t.Error("nothing has a median")
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", .1234: "0.123", 1: "1.00", .9999: "1.00", 9.999: "10.0", 99.99: "100", 1.238: "1.24", 12.34: "12.3", 150: "150", 123.4: "123",
		999.6: "1,000", 1234.4: "1,234", 9999: "9,999", 19_990: "20,000", 12_345: "12,300", 123_456: "123,000", 1_234_567: "1,230,000",
		-5.5: "-5.50", -12_345: "-12,300", -123_456: "-123,000", math.Pi: "3.14",
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestPage(t *testing.T) {
	docs := t.TempDir()
	if err := WritePage(docs, sample(), sampleBars); err != nil {
		t.Fatal(err)
	}
	for name, golden := range map[string]string{
		"benchmarks.md":       "page.golden.md",
		"benchmarks/echo.svg": "chart.golden.svg",
	} {
		got, err := os.ReadFile(filepath.Join(docs, name))
		if err != nil {
			t.Fatal(err)
		}
		golden = filepath.Join("testdata", golden)
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is not what %s has (go test -update writes it): %s", name, golden, got)
		}
	}
	if _, err := os.Stat(filepath.Join(docs, "benchmarks/idle.svg")); err == nil {
		t.Error("an image with one bar")
	}
}

func TestResultsSurviveTheirFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "results.json")
	if err := sample().Write(name); err != nil {
		t.Fatal(err)
	}
	got, err := Read(name)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, sample()) {
		t.Errorf("%+v", got)
	}
}
