package server

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"

	"parley.example/parley/internal/config"
	"parley.example/parley/internal/httpd"
)

// checkListen finds what only this machine can say of the settings under
// app.listen. haveLoops is ws.HaveLoops. The certificate is nil for plain HTTP.
func checkListen(cfg *config.Config, haveLoops bool, log *slog.Logger) (*httpd.Certificate, []config.Problem) {
	l := cfg.App.Listen
	var problems []config.Problem
	add := func(pos config.Pos, key, text string) {
		problems = append(problems, config.Problem{
			File: pos.File, Line: pos.Line, Column: pos.Column, Key: "app.listen." + key, Text: text,
		})
	}
	if l.Driver == "epoll" && !haveLoops {
		add(l.DriverPos, "driver", fmt.Sprintf("epoll needs Linux on amd64 or arm64, and this is %s on %s; write auto, or remove the key",
			runtime.GOOS, runtime.GOARCH))
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
	case isServed(cfg, l.TLS.Key):
		add(l.TLS.KeyPos, "tls.key", "everybody could download this file: end its name in .pem or .key, which are never served, or move it elsewhere")
	}
	return certificate, problems
}

// isServed reports whether the app's pages include the file.
func isServed(cfg *config.Config, file string) bool {
	var folders []*config.File
	if cfg.Dir != "" {
		folders = append(folders, cfg.Folder)
	}
	for _, e := range cfg.Endpoints {
		if e.File != nil && e.File.Path != "" {
			folders = append(folders, e.File)
		}
	}
	return slices.ContainsFunc(folders, func(f *config.File) bool {
		return httpd.NewFiles(fileOptions(f, cfg.Dir, nil, nil)).Shows(file)
	})
}
