package config_test

import (
	"strings"
	"testing"
	"time"

	"parley.example/parley/internal/config"
)

// TestWhoIsAskedForALogin has every place where auth: can come from.
func TestWhoIsAskedForALogin(t *testing.T) {
	const login = "  login: {pattern: /in, handler: SimpleAuth, kwargs: {credentials: {ann: x}}}\n"
	tests := []struct {
		name, top, kwargs string
		want              string // the login page, "open", or "401"
		folder            string
	}{
		{"nothing", "", "", "open", "open"},
		{"own", "", "auth: true", "/in", "open"},
		{"own in an open app", "app: {auth: false}\n", "auth: true", "/in", "open"},
		{"app", "app: {auth: true}\n", "", "/in", "/in"},
		{"app, but not this", "app: {auth: true}\n", "auth: false", "open", "/in"},
		{"app, and own page", "app: {auth: true}\n", "auth: {login_url: /other}", "/other", "/in"},
		{"app's page", "app: {auth: {login_url: /apps}, settings: {login_url: /settings}}\n", "", "/apps", "/apps"},
		{"settings' page", "app: {auth: true, settings: {login_url: /settings}}\n", "", "/settings", "/settings"},
		{"no page", "app: {auth: {login_url: false}}\n", "", "401", "401"},
		{"handler before app", "app: {auth: {login_url: /app}}\nhandlers: {FileHandler: {auth: {login_url: /files}}}\n", "", "/files", "/files"},
		{"base before app", "app: {auth: true}\nhandlers: {BaseHandler: {auth: false}}\n", "", "open", "open"},
		{"handler before base", "handlers: {BaseHandler: {auth: true}, FileHandler: {auth: false}}\n", "", "open", "open"},
		{"own before handler", "handlers: {BaseHandler: {auth: true}}\n", "auth: false", "open", "/in"},
		{"own with handler's", "handlers: {FileHandler: {auth: {login_url: /files}}}\n", "auth: {methods: GET}", "/files", "/files"},
	}
	say := func(a *config.Auth) string {
		switch {
		case a == nil:
			return "open"
		case a.LoginURL == "":
			return "401"
		}
		return a.LoginURL
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := app(t, map[string]string{"gramex.yaml": tt.top + "url:\n" + login +
				"  page: {pattern: /page, handler: FileHandler, kwargs: {path: ., " + tt.kwargs + "}}\n"})
			cfg := mustLoad(t, dir, config.Options{})
			for _, e := range cfg.Endpoints {
				if e.Name == "page" && say(e.Auth) != tt.want {
					t.Errorf("page: %s, want %s", say(e.Auth), tt.want)
				}
				if e.Login != nil && e.Auth != nil {
					t.Error("the login page asks for a login")
				}
			}
			if got := say(cfg.FolderAccess.Auth); got != tt.folder {
				t.Errorf("folder: %s, want %s", got, tt.folder)
			}
		})
	}
}

// TestTokensAskForALogin has the places where token: and auth: meet.
func TestTokensAskForALogin(t *testing.T) {
	const secret = "{secret: a-secret-of-thirty-two-bytes-or-more}"
	tests := []struct {
		name, top, kwargs string
		token             bool
		auth              string // "open", "written" or "implied"
	}{
		{"nothing", "", "", false, "open"},
		{"own", "", "token: " + secret, true, "implied"},
		{"own, tickets only", "", "token: {ticket: true}", true, "implied"},
		{"own, and auth", "", "auth: true, token: " + secret, true, "written"},
		{"own, and open", "", "auth: false, token: " + secret, true, "open"},
		{"none of its own", "", "token: false", false, "open"},
		{"app", "app: {token: " + secret + "}\n", "", true, "open"},
		{"app, but not this", "app: {token: " + secret + "}\n", "token: false", false, "open"},
		{"own and app's auth", "app: {auth: true}\n", "token: " + secret, true, "written"},
		{"own in an open app", "app: {auth: false}\n", "token: " + secret, true, "implied"},
		{"own of the handler", "handlers: {WebSocketHandler: {token: " + secret + "}}\n", "", true, "implied"},
		{"base", "handlers: {BaseHandler: {token: " + secret + "}}\n", "", true, "implied"},
		{"open of the handler", "handlers: {WebSocketHandler: {auth: false}}\n", "token: " + secret, true, "open"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := app(t, map[string]string{"gramex.yaml": tt.top +
				"url: {chat: {pattern: /chat, handler: WebSocketHandler, kwargs: {open: chat.open, " + tt.kwargs + "}}}\n"})
			e := mustLoad(t, dir, config.Options{}).Endpoints[0]
			auth := "open"
			switch {
			case e.Auth != nil && e.Auth.Implied:
				auth = "implied"
			case e.Auth != nil:
				auth = "written"
			}
			if auth != tt.auth || (e.WebSocket.Token != nil) != tt.token {
				t.Errorf("auth %s, token %v; want %s, %t", auth, e.WebSocket.Token, tt.auth, tt.token)
			}
			if strings.Contains(string(e.Kwargs), "token") {
				t.Errorf("kwargs have the token: %s", e.Kwargs)
			}
		})
	}
}

func TestLoginPages(t *testing.T) {
	tests := []struct{ patterns, want string }{
		{"/login", "/login"},
		{"^/login$", "/login"},
		{"/a.b/login", ""}, // the dot is any character
		{`/a\.b/login`, "/a.b/login"},
		{"/log in/ü%", "/log%20in/%C3%BC%25"},
		{"/login/?", ""},
		{"/login/.*", ""},
		{"(?i)/login", ""},
		{"/login/(.*) /second /third/deep", "/second"},
		{"/$YAMLURL/x", "/x"},
		{"//evil.example", ""},
		{`/\\evil`, "/%5Cevil"},
	}
	for _, tt := range tests {
		var urls strings.Builder
		patterns := []string{tt.patterns}
		if strings.Contains(tt.patterns, " /") {
			patterns = strings.Split(tt.patterns, " ")
		}
		for i, p := range patterns {
			urls.WriteString("  login" + string(rune('a'+i)) + ": {pattern: '" + p + "', handler: SimpleAuth, kwargs: {credentials: {ann: x}}}\n")
		}
		dir := app(t, map[string]string{"gramex.yaml": "app: {auth: true}\nurl:\n" + urls.String()})
		cfg := mustLoad(t, dir, config.Options{})
		if got := cfg.FolderAccess.Auth.LoginURL; got != tt.want || (len(cfg.Warnings) > 0) != (tt.want == "") {
			t.Errorf("%s: login page %q, want %q; warnings %v", tt.patterns, got, tt.want, cfg.Warnings)
		}
	}
}

func TestSocketsNeedNoLoginPage(t *testing.T) {
	dir := app(t, map[string]string{"gramex.yaml": "url:\n" +
		"  login: {pattern: /login/(.*), handler: SimpleAuth, kwargs: {credentials: {ann: x}}}\n" +
		"  chat: {pattern: /chat, handler: WebSocketHandler, kwargs: {auth: true}}\n" +
		"  more: {pattern: /more, handler: WebSocketHandler, kwargs: {auth: {login_url: /chat}}}\n"})
	if w := mustLoad(t, dir, config.Options{}).Warnings; len(w) != 0 {
		t.Errorf("warnings: %v", w)
	}
}

func TestDomains(t *testing.T) {
	for name, want := range map[string]string{
		"example.com": "example.com", "Chat.Example.Com": "chat.example.com", "xn--bcher-kva.example": "xn--bcher-kva.example",
		".example.com": "", "example.com.": "", "localhost": "", "192.168.1.7": "", "1.2.3": "", "::1": "", "a..b": "",
		"example.com:80": "", "https://example.com": "", "bücher.example": "", "exa mple.com": "", "*.example.com": "",
		"example.com; Secure": "",
	} {
		dir := app(t, map[string]string{"gramex.yaml": "app: {session: {domain: '" + name + "'}}\n"})
		cfg, err := config.Load(dir, config.Options{Env: noEnv})
		if got := cfg.App.Session.Domain; got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, want %q; error %v", name, got, want, err)
		}
	}
}

func TestPlainHTTPIsToldWhereItMatters(t *testing.T) {
	const login = "url: {login: {pattern: /in, handler: SimpleAuth, kwargs: {credentials: {ann: x}}}}\n"
	for listen, want := range map[string]bool{
		"{}":                          false,
		"{address: 0.0.0.0}":          true,
		"{address: '::'}":             true,
		"{address: 192.168.1.7}":      true,
		"{address: chat.example.com}": true,
		"{address: 127.0.0.2}":        false,
		"{address: '::1'}":            false,
		"{address: localhost}":        false,
		"{address: 0.0.0.0, tls: {cert: c.pem, key: k.pem}}":          false,
		"{address: 0.0.0.0, trusted_proxies: 10.0.0.0/8}":             false,
		"{address: 0.0.0.0, trusted_proxies: []}":                     true,
		"{address: 0.0.0.0, trusted_proxies: [127.0.0.1, '::1/128']}": true,
	} {
		for app1, users := range map[string]bool{login: true, "url: {}\n": false} {
			dir := app(t, map[string]string{"gramex.yaml": "app: {listen: " + listen + "}\n" + app1})
			cfg := mustLoad(t, dir, config.Options{})
			if told := len(cfg.Warnings) == 1; told != (want && users) {
				t.Errorf("%s, users %t: warnings %v", listen, users, cfg.Warnings)
			}
		}
	}
}

func TestLoginDefaults(t *testing.T) {
	dir := app(t, map[string]string{"gramex.yaml": "url:\n" +
		"  in: {pattern: /in, handler: SimpleAuth, kwargs: {credentials: {ann: x}}}\n" +
		"  out: {pattern: /out, handler: LogoutHandler}\n"})
	for _, e := range mustLoad(t, dir, config.Options{}).Endpoints {
		want := config.Redirect{Query: "next", URL: "/"}
		switch l := e.Login; {
		case l == nil:
			if e.Logout == nil || e.Logout.Redirect != want || e.Handler() != "LogoutHandler" {
				t.Errorf("logout = %+v, %s", e.Logout, e.Handler())
			}
		case l.Redirect != want || l.UserField != "user" || l.PasswordField != "password" || l.Template != "" || l.Delay != nil,
			l.SessionExpiry != 0 || l.SessionInactive != 0, e.Handler() != "SimpleAuth",
			len(l.Credentials) != 1 || l.Credentials[0].Name != "ann" || l.Credentials[0].Password.Text != "x":
			t.Errorf("login = %+v, %s", l, e.Handler())
		}
	}
}

func TestTokenDefaults(t *testing.T) {
	dir := app(t, map[string]string{"gramex.yaml": "app: {token: {secret: a-secret-of-thirty-two-bytes-or-more}}\n"})
	jwt := mustLoad(t, dir, config.Options{}).App.Token
	if !jwt.HasJWT() || !jwt.Header || !jwt.Subprotocol || jwt.Query || jwt.Grace != 25*time.Second || jwt.Ticket != 0 {
		t.Errorf("JWTs: %+v", jwt)
	}
	dir = app(t, map[string]string{"gramex.yaml": "app: {token: {ticket: true}}\n"})
	ticket := mustLoad(t, dir, config.Options{}).App.Token
	if ticket.HasJWT() || ticket.Header || ticket.Subprotocol || ticket.Query || ticket.Ticket != 30*time.Second {
		t.Errorf("tickets: %+v", ticket)
	}
}
