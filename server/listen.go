package server

import (
	"errors"
	"fmt"
	"log/slog"

	"parley.example/parley/internal/config"
	"parley.example/parley/internal/httpd"
)

// checkListen finds what only this machine, which runs the system goos, can
// say of the settings under app.listen. The certificate is nil for plain HTTP.
func checkListen(l config.Listen, goos string, log *slog.Logger) (*httpd.Certificate, []config.Problem) {
	var problems []config.Problem
	add := func(pos config.Pos, key, text string) {
		problems = append(problems, config.Problem{
			File: pos.File, Line: pos.Line, Column: pos.Column, Key: "app.listen." + key, Text: text,
		})
	}
	if l.Driver == "epoll" && goos != "linux" {
		add(l.DriverPos, "driver", fmt.Sprintf("epoll is a part of Linux, and this is %s; write auto, or remove the key", goos))
	}
	if l.TLS == nil || l.TLS.Cert == "" || l.TLS.Key == "" { // config has told what is missing
		return nil, problems
	}
	certificate, err := httpd.OpenCertificate(l.TLS.Cert, l.TLS.Key, log)
	var bad *httpd.CertificateError
	switch {
	case errors.As(err, &bad) && bad.Key:
		add(l.TLS.KeyPos, "tls.key", bad.Error())
	case err != nil:
		add(l.TLS.CertPos, "tls.cert", err.Error())
	}
	return certificate, problems
}
