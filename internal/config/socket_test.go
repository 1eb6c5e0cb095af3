package config_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"parley.example/parley/internal/config"
)

func TestSocketsOfAProgram(t *testing.T) {
	at := config.Pos{File: "main.go", Line: 7}
	cfg := mustLoad(t, "", config.Options{Sockets: []config.Socket{{
		Pattern: `/room/(?P<name>\w+)`, Pos: at,
		Kwargs: map[string]any{
			"on_message": "chat.say", "origins": []string{"example.com", "*.example.org"}, "max_message_size": "64KiB",
			"idle_timeout": time.Minute, "ping_timeout": 90, "compression": map[string]any{"level": 3},
			"rate": map[string]string{"messages": "10/s"},
		},
	}}})
	if cfg.Dir != "" || cfg.File != "" || len(cfg.Dirs) != 0 || len(cfg.Endpoints) != 1 {
		t.Fatalf("config = %+v", cfg)
	}
	e := cfg.Endpoints[0]
	w := e.WebSocket
	switch {
	case e.Name != `/room/(?P<name>\w+)` || e.Pos != at || !e.Regexp.MatchString("/room/a"),
		w.OnMessage == nil || w.OnMessage.Steps[0].Text != "chat.say" || w.OnMessage.Steps[0].Pos != at,
		len(w.Origins) != 2 || w.Origins[1].Text != "*.example.org",
		w.MaxMessageSize != 64<<10 || w.IdleTimeout != time.Minute || w.PingTimeout != 90*time.Second,
		w.Compression == nil || w.Compression.Level != 3, w.Rate == nil || w.Rate.Messages != 10:
		t.Errorf("endpoint = %+v, %+v", e, w)
	}
}

func TestSocketsOfAProgramComeBehindThoseOfTheFiles(t *testing.T) {
	dir := app(t, map[string]string{"gramex.yaml": "url:\n  bot: {pattern: /bot, handler: WebSocketHandler}\n"})
	cfg := mustLoad(t, dir, config.Options{Sockets: []config.Socket{{Pattern: "/chat"}, {Pattern: "/bot"}}})
	var names []string
	for _, e := range cfg.Endpoints {
		names = append(names, e.Name)
	}
	if got := strings.Join(names, " "); got != "bot /chat /bot" {
		t.Errorf("endpoints: %s", got)
	}
	if len(cfg.Warnings) != 1 || !strings.Contains(cfg.Warnings[0].Text, "is never reached") {
		t.Errorf("warnings: %v", cfg.Warnings)
	}
}

func TestWhatStandsUnderHandlersIsForSocketsOfAProgramToo(t *testing.T) {
	dir := app(t, map[string]string{"gramex.yaml": "handlers: {WebSocketHandler: {origins: example.com, idle_timeout: 5m}}\n"})
	cfg := mustLoad(t, dir, config.Options{Sockets: []config.Socket{{Pattern: "/chat", Kwargs: map[string]any{"idle_timeout": "1m"}}}})
	if w := cfg.Endpoints[0].WebSocket; len(w.Origins) != 1 || w.Origins[0].Text != "example.com" || w.IdleTimeout != time.Minute {
		t.Errorf("endpoint = %+v", w)
	}
}

func TestProblemsOfSocketsNameTheirPlace(t *testing.T) {
	dir := app(t, map[string]string{"gramex.yaml": "url: {}\nlog: {format: xml}\n"})
	socket := func(line int, pattern string, kwargs map[string]any) config.Socket {
		return config.Socket{Pattern: pattern, Pos: config.Pos{File: "main.go", Line: line}, Kwargs: kwargs}
	}
	_, err := config.Load(dir, config.Options{
		Env: noEnv, Overrides: []config.Override{{Key: "listen.port", Value: "x"}},
		Sockets: []config.Socket{
			socket(1, "/chat", map[string]any{"on_mesage": "chat.say", "max_message_size": -1, "slow": func() {}}),
			socket(2, "/chat", nil),
			socket(3, "(", map[string]any{"origins": []any{1}, "idle_timeout": -time.Second}),
			socket(4, "", nil),
		},
	})
	want := []string{
		"gramex.yaml:2:15: log.format: \"xml\" is not one of: text, json",
		"main.go:1: url./chat.kwargs.slow: cannot be a setting: cannot marshal type: func()",
		"main.go:1: url./chat.kwargs.on_mesage: unknown key (did you mean on_message?)",
		"main.go:1: url./chat.kwargs.max_message_size: -1 is not a size from 1 to 134217728 bytes: write 65536, 64KB or 1MiB",
		"main.go:2: url./chat: an endpoint of this name is there already, at main.go:1",
		`main.go:3: url.(.pattern: not a regular expression: missing closing ): (`,
		"main.go:3: url.(.kwargs.origins[0]: must be text, not a whole number",
		`main.go:3: url.(.kwargs.idle_timeout: "-1s" is not a duration above 0: write 10s, 5m, 12h, 31d or a number of seconds`,
		"main.go:4: url..pattern: is empty; give it a value, or remove the key",
		`--listen.port: app.listen.port: "x" is not a whole number from 0 to 65535`,
	}
	var wrong *config.Error
	if !errors.As(err, &wrong) || err.Error() != strings.Join(want, "\n") {
		t.Errorf("Load:\n%v\nwant:\n%s", err, strings.Join(want, "\n"))
	}
}
