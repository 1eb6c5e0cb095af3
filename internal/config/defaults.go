package config

import (
	"log/slog"
	"net/netip"
	"time"
)

// Bounds of what can be set.
const (
	maxPort        = 65535
	maxMessageSize = 128 << 20 // bytes; a link row, which is longer than its message, ends at 256 MiB
	maxPriority    = 1 << 30
	maxLoops       = 256
	maxWorkers     = 64
	maxConnections = 1 << 30
	maxSteps       = 1 << 30
	minOutbox      = 1 << 10 // bytes
	maxOutbox      = 1 << 30
	maxDelay       = time.Minute // after a wrong password
	maxTicket      = time.Hour
	maxUserName    = 256  // bytes, as a login page takes them
	maxPassword    = 1024 // likewise
)

// Defaults of what stands in several places, or has no function below.
const (
	defaultQuery  = "next"
	defaultGrace  = 25 * time.Second
	defaultTicket = 30 * time.Second
)

func defaults() Config {
	return Config{
		App: App{
			Listen: Listen{
				Port:    9988,
				Address: "127.0.0.1",
				TrustedProxies: []netip.Prefix{
					netip.MustParsePrefix("127.0.0.0/8"),
					netip.MustParsePrefix("::1/128"),
				},
				Driver: "auto",
			},
			Limits: Limits{Handshakes: 1000},
			Session: Session{
				Cookie: "sid",
				Expiry: 31 * day,
				Store:  "sqlite",
			},
			ShutdownTimeout: 10 * time.Second,
		},
		Log: Log{Level: slog.LevelInfo, Format: "text"},
		Python: Python{
			Executable:  "python3",
			Workers:     1,
			HangTimeout: 60 * time.Second,
		},
		Starlark: Starlark{MaxSteps: 100_000_000, Timeout: 5 * time.Second},
	}
}

func defaultWebSocket() WebSocket {
	return WebSocket{
		MaxMessageSize: 1 << 20,
		PingInterval:   25 * time.Second,
		PingTimeout:    50 * time.Second,
		Slow:           "disconnect",
	}
}

func defaultRate() Rate {
	return Rate{Burst: time.Second, Over: "wait"}
}
