package server

import (
	"net"
	"path/filepath"
	"strconv"

	"parley.example/parley/internal/call"
	"parley.example/parley/internal/httpd"
)

// logStart says where the app can be opened, and how to open it to others. It
// returns that URL, without the slash at its end.
func (s *Server) logStart(addr net.Addr) (url string) {
	host, port := s.cfg.App.Listen.Address, s.cfg.App.Listen.Port
	if tcp, ok := addr.(*net.TCPAddr); ok {
		port = tcp.Port
	}
	ip := net.ParseIP(host)
	reach := "all who can reach it"
	switch {
	case host == "localhost" || ip != nil && ip.IsLoopback():
		reach = "this machine only; --listen.address=0.0.0.0 lets others in"
	case host == "" || ip != nil && ip.IsUnspecified():
		host = "127.0.0.1"
		reach = "everybody on the network"
	}
	scheme := "http"
	if s.cfg.App.Listen.TLS != nil {
		scheme = "https"
	}
	url = scheme + "://" + net.JoinHostPort(host, strconv.Itoa(port))
	s.log.Info("listening",
		"url", url+"/",
		"open_to", reach,
		"app", s.cfg.File, "endpoints", len(s.endpoints), "version", s.version)
	return url
}

// faults are the functions that cannot run at present.
func (s *Server) faults() []call.Fault { return append(s.scripts.Faults(), s.workers.Faults()...) }

func (s *Server) logFault(f call.Fault) {
	s.log.Error(faultLine(f)+": this endpoint answers 503 until a saved file repairs it", "traceback", f.Traceback)
}

// startPage says what the start page shows: the endpoints as they are now.
func (s *Server) startPage() httpd.StartPage {
	faults := map[string]string{}
	for _, f := range s.faults() {
		faults[f.Endpoint] = f.Message
	}
	page := httpd.StartPage{Title: "Parley", Version: s.version}
	if s.cfg.Dir != "" {
		page.Title = filepath.Base(s.cfg.Dir)
	}
	for _, e := range s.endpoints {
		entry := httpd.Endpoint{Name: e.Name, Pattern: e.Pattern, Kind: e.kind(), Fault: faults[e.Name]}
		if e.program != nil {
			entry.Runtime = e.program.Name
		}
		page.Endpoints = append(page.Endpoints, entry)
	}
	return page
}
