package report

import (
	"fmt"
	"slices"
)

// A Bar is what Parley promises: a figure of one series, or its ratio to the
// same figure of another, at most (or at least) so much.
type Bar struct {
	Claim  string // what it says, for people
	Row    string
	Series string
	Figure string

	// Of the ratio. "" compares the figure itself with the limit.
	PeerRow string // "" is Row
	Peer    string
	Work    bool // the ratio is of work per CPU second: the peer's figure by ours
	Minus   bool // the difference, not the ratio

	Limit   float64
	AtLeast bool
	None    bool // reported only
	Unit    string
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
		row := b.Row
		if b.PeerRow != "" {
			row = b.PeerRow
		}
		peer = r.Row(row).Find(b.Peer)
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
	case len(s.Rounds) == 0 && s.Absent != "":
		return s.Label + ": " + s.Absent
	case len(s.Rounds) == 0:
		return "not measured"
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
	sign := "≤"
	if b.AtLeast {
		sign = "≥"
	}
	return sign + " " + b.write(b.Limit)
}

// write writes a value as the limit is written.
func (b *Bar) write(v float64) string {
	if b.Unit == "" {
		return number(v) + " ×"
	}
	return number(v) + " " + b.Unit
}

// number writes v with three digits that say something.
func number(v float64) string {
	switch a := max(v, -v); {
	case a >= 10_000:
		return fmt.Sprintf("%.1f k", v/1000)
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 1 || v == 0:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}
