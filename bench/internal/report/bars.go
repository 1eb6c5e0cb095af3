package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// A Bar is what Parley promises: a figure of one series, or its ratio to the
// same figure of another, at most (or at least) so much.
type Bar struct {
	Claim  string // what it says, for people
	Row    string
	Series string
	Figure string

	Peer  string // a series of the same row; "" compares the figure itself with the limit
	Work  bool   // the ratio is of work per CPU second: the peer's figure by ours
	Minus bool   // the difference, not the ratio

	Limit   float64
	AtLeast bool
	None    bool   // there is no limit, it is only reported
	Unit    string // of what is compared; "" is a ratio
}

// An Outcome is how a bar fared.
type Outcome struct {
	Measured bool
	Why      string  // it was not measured
	Ours     float64 // median
	Peer     float64 // median; 0 without a peer
	Value    float64 // what is compared with the limit: the median over rounds
	Low      float64 // least of any round
	High     float64 // greatest of any round
	Rounds   int
	Reached  bool
}

// Judge compares r with a bar. A ratio is taken within each round, between
// measurements that ran one after the other; what counts is its median.
func (b *Bar) Judge(r *Results) Outcome {
	ours := r.Row(b.Row).Find(b.Series)
	if why := missing(ours); why != "" {
		return Outcome{Why: why}
	}
	peer := ours
	if b.Peer != "" {
		peer = r.Row(b.Row).Find(b.Peer)
		if why := missing(peer); why != "" {
			return Outcome{Why: why}
		}
	}
	var values []float64
	for i := range min(len(ours.Rounds), len(peer.Rounds)) {
		v, ok := ours.Rounds[i][b.Figure]
		p, okPeer := peer.Rounds[i][b.Figure]
		switch {
		case !ok || !okPeer:
			continue
		case b.Peer == "":
		case b.Minus:
			v -= p
		case b.Work:
			v = p / v
		default:
			v /= p
		}
		values = append(values, v)
	}
	o := Outcome{Rounds: len(values)}
	if o.Value, o.Measured = median(values); !o.Measured {
		o.Why = "not measured"
		return o
	}
	o.Ours, _ = ours.Median(b.Figure)
	if b.Peer != "" {
		o.Peer, _ = peer.Median(b.Figure)
	}
	o.Low, o.High = slices.Min(values), slices.Max(values)
	o.Reached = o.Value <= b.Limit
	if b.AtLeast {
		o.Reached = o.Value >= b.Limit
	}
	return o
}

func missing(s *Series) string {
	switch {
	case s == nil:
		return "not measured"
	case s.Absent != "":
		return s.Label + ": " + s.Absent
	}
	return ""
}

// Verdict says in a word or two how a bar fared.
func (b *Bar) Verdict(o Outcome) string {
	switch {
	case !o.Measured:
		return o.Why
	case b.None:
		return "reported"
	case o.Reached:
		return "reached"
	}
	return "**missed**"
}

// Want writes the limit.
func (b *Bar) Want() string {
	if b.None {
		return "–"
	}
	sign := "≤ "
	if b.AtLeast {
		sign = "≥ "
	}
	if b.Limit >= 1000 {
		return sign + thousands(b.Limit) + b.unit()
	}
	return sign + strconv.FormatFloat(b.Limit, 'g', -1, 64) + b.unit()
}

// write writes a value that is compared with the limit.
func (b *Bar) write(v float64) string { return number(v) + b.unit() }

func (b *Bar) unit() string {
	if b.Unit == "" {
		return " ×"
	}
	return " " + b.Unit
}

// number writes v with three digits that say something, four from 1,000 on.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 999.5:
		unit := math.Pow10(max(0, int(math.Log10(a))-2))
		if a < 10_000 {
			unit = 1
		}
		return thousands(math.Round(v/unit) * unit)
	case a >= 99.95 || v == 0:
		return fmt.Sprintf("%.0f", v)
	case a >= 9.995:
		return fmt.Sprintf("%.1f", v)
	case a >= 0.9995:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// thousands writes a whole number with commas.
func thousands(v float64) string {
	s := strconv.Itoa(int(v))
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
