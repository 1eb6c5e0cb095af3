package server

import (
	"log/slog"
	"path/filepath"
	"runtime"
	"testing"

	"parley.example/parley/internal/config"
)

func TestWhatThisMachineSaysOfListen(t *testing.T) {
	driver := config.Pos{File: "gramex.yaml", Line: 3, Column: 13}
	cert, key := config.Pos{File: "gramex.yaml", Line: 4, Column: 11}, config.Pos{File: "--listen.tls.key"}
	gone := &config.TLS{Cert: filepath.Join(t.TempDir(), "cert.pem"), CertPos: cert, Key: "key.pem", KeyPos: key}
	for _, tt := range []struct {
		name      string
		listen    config.Listen
		haveLoops bool
		want      string // the only problem
	}{
		{"nothing asked for", config.Listen{Driver: "auto"}, false, ""},
		{"epoll on Linux", config.Listen{Driver: "epoll", DriverPos: driver}, true, ""},
		{
			"epoll elsewhere",
			config.Listen{Driver: "epoll", DriverPos: driver},
			false,
			"gramex.yaml:3:13: app.listen.driver: epoll needs Linux on amd64 or arm64, and this is " +
				runtime.GOOS + " on " + runtime.GOARCH + "; write auto, or remove the key",
		},
		{"goroutine elsewhere", config.Listen{Driver: "goroutine", DriverPos: driver}, false, ""},
		{
			"no certificate",
			config.Listen{Driver: "auto", TLS: gone},
			true,
			"gramex.yaml:4:11: app.listen.tls.cert: the certificate cannot be used: no such file or directory",
		},
		{"half of tls", config.Listen{Driver: "auto", TLS: &config.TLS{Key: "key.pem", KeyPos: key}}, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			certificate, problems := checkListen(&config.Config{Dir: t.TempDir(), App: config.App{Listen: tt.listen}}, tt.haveLoops, slog.New(slog.DiscardHandler))
			for _, p := range problems {
				got += p.String()
			}
			if got != tt.want || certificate != nil {
				t.Errorf("problems %q, want %q", got, tt.want)
			}
		})
	}
}
