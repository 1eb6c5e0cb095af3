package httpd

import "sync/atomic"

// Stats are a Server's figures. Those without "now" count since New.
type Stats struct {
	Accepted uint64 // connections
	Open     int    // connections now that have not become WebSockets
	Evicted  uint64 // connections closed for others
	Starved  uint64 // attempts to accept without a descriptor left

	TLSFailures         uint64 // handshakes of TLS that came to nothing
	CertificateReloads  uint64
	CertificateFailures uint64 // changes of the certificate that could not be used

	Requests     uint64
	BadRequests  uint64 // refused for their path, before any route
	Handshakes   int    // of WebSockets, now
	Busy         uint64 // handshakes refused since there were too many
	WrongVersion uint64 // requests for a WebSocket that did not come over HTTP/1
	Panics       uint64 // while answering
}

// counters are what Stats is made of. They are safe for every goroutine.
type counters struct {
	accepted, evicted, starved atomic.Uint64
	tlsFailures                atomic.Uint64
	requests, badRequests      atomic.Uint64
	handshakes                 atomic.Int64
	busy, wrongVersion, panics atomic.Uint64
}

// Stats returns the figures of now.
func (s *Server) Stats() Stats {
	c := &s.stats
	stats := Stats{
		Accepted: c.accepted.Load(), Evicted: c.evicted.Load(), Starved: c.starved.Load(),
		TLSFailures: c.tlsFailures.Load(),
		Requests:    c.requests.Load(), BadRequests: c.badRequests.Load(),
		Handshakes: int(c.handshakes.Load()), Busy: c.busy.Load(), WrongVersion: c.wrongVersion.Load(),
		Panics: c.panics.Load(),
	}
	if g := s.gate.Load(); g != nil {
		stats.Open = g.open()
	}
	if cert := s.opt.Certificate; cert != nil {
		stats.CertificateReloads, stats.CertificateFailures = cert.reloads.Load(), cert.failures.Load()
	}
	return stats
}
