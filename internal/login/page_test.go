package login_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/login"
	"parley.example/parley/internal/session"
)

func TestPageHeaders(t *testing.T) {
	b := newSite(t, nil).browser()
	for name, page := range map[string]answer{
		"login":  b.get("/login"),
		"failed": b.logIn("alice", "wrong"),
		"logout": b.get("/logout", "Sec-Fetch-Site", "cross-site"),
	} {
		for header, want := range map[string]string{
			"Content-Type":               "text/html; charset=utf-8",
			"Cache-Control":              "no-store",
			"X-Content-Type-Options":     "nosniff",
			"X-Frame-Options":            "DENY",
			"Referrer-Policy":            "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := page.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		_, style, _ := strings.Cut(page.body, "<style>")
		style, _, _ = strings.Cut(style, "</style>")
		sum := sha256.Sum256([]byte(style))
		want := "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; img-src 'self'; style-src 'sha256-" +
			base64.StdEncoding.EncodeToString(sum[:]) + "'"
		if got := page.Header.Get("Content-Security-Policy"); got != want {
			t.Errorf("%s: policy is\n%s, want\n%s", name, got, want)
		}
		for _, inline := range []string{"<script", "style=", "onclick", "javascript:"} {
			if strings.Contains(page.body, inline) {
				t.Errorf("%s: the page has %s", name, inline)
			}
		}
	}
	for name, a := range map[string]answer{
		"login":  b.logIn("alice", "wonderland"),
		"logout": b.send(http.MethodPost, "/logout", ""),
		"JSON":   b.send(http.MethodPost, "/login", `{}`, "Content-Type", "application/json"),
	} {
		if got := a.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("answer to %s: Cache-Control is %q", name, got)
		}
	}
}

// Chromium holds form-action for where a form's answer leads, too.
func TestPolicyOfARedirectElsewhere(t *testing.T) {
	b := newSite(t, func(o *login.Options) { o.Redirect = &login.Redirect{URL: "https://example.com:8443/x"} }).browser()
	for _, page := range []answer{b.get("/login"), b.get("/logout", "Sec-Fetch-Site", "cross-site")} {
		if got := page.Header.Get("Content-Security-Policy"); !strings.Contains(got, "; form-action 'self' https://example.com:8443; ") {
			t.Errorf("policy is %s", got)
		}
	}
}

func TestPageForPeople(t *testing.T) {
	b := newSite(t, func(o *login.Options) { o.Title = "Log in to <Tea>" }).browser()
	page := b.get("/login")
	for _, want := range []string{
		`<html lang="en">`, `<meta name="viewport"`, "<title>Log in to &lt;Tea&gt;</title>", "<h1>Log in to &lt;Tea&gt;</h1>",
		`<label for="user">`, `<label for="password">`, `autocomplete="username"`, `autocomplete="current-password"`, ` autofocus`,
	} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page.body, `role="alert"`) {
		t.Error("the page has an error at first")
	}

	failed := b.logIn(`"><script>alert(1)</script>`, "x")
	for _, want := range []string{
		`<p class="error" id="error" role="alert">User name or password is not right.</p>`, `aria-describedby="error"`,
		`value="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"`, "<title>Not logged in",
	} {
		if !strings.Contains(failed.body, want) {
			t.Errorf("the page lacks %s: %s", want, shorten(failed.body))
		}
	}
}

// write puts a template into a file.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "login.html")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTemplate(t *testing.T) {
	path := write(t, `<title>{{.Title}}</title><b>{{.Error}}</b><i>{{.LoggedIn}} {{.Continue}}</i>
<form method="post" action="{{.Action}}"><input type="hidden" name="_xsrf" value="{{.Token}}">
<input name="{{.UserField}}" value="{{.User}}"><input name="{{.PasswordField}}" type="password">
<input type="hidden" name="{{.NextName}}" value="{{.Next}}"></form>`)
	b := newSite(t, func(o *login.Options) { o.Template = path }).browser()
	page := b.get("/login?next=/chat")
	for _, want := range []string{"<title>Log in</title>", "<b></b>", "<i> /chat</i>", `action="?next=%2Fchat"`, `name="next" value="/chat"`, `name="user"`, `name="password"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %s:\n%s", want, page.body)
		}
	}
	if got, want := page.Header.Get("Content-Security-Policy"), "base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"; got != want {
		t.Errorf("policy is %s, want %s", got, want)
	}
	b.send(http.MethodPost, "/login", form("_xsrf", page.token(), "user", "alice", "password", "wonderland", "next", "/chat")).
		want(t, http.StatusSeeOther, "/chat")
	if page := b.get("/login"); !strings.Contains(page.body, "<i>alice /</i>") {
		t.Errorf("the page does not say who is logged in:\n%s", page.body)
	}
	if b.log.lines("the template") != nil || strings.Contains(b.log.String(), "template") {
		t.Errorf("the log says\n%s", b.log)
	}
}

func TestBadTemplates(t *testing.T) {
	for text, want := range map[string]string{
		"<p>\n{{.Error}":                        `login.html:2: bad character`,
		"<p>\n\n{{.Eror}}":                      `login.html:3:2: executing "`,
		"<p>\n{{if .LoggedIn}}{{.Who}}{{end}}":  `login.html:2:18: executing "`,
		"<p>\n{{if not .Next}}{{.Who}}{{end}}":  `login.html:2:18: executing "`,
		"<p>\n{{ handler.xsrf_token }}":         `login.html:2: function "handler" not defined`,
		"<p>\n\n{% module xsrf_form_html() %}":  `login.html:3: {% is Tornado's`,
		"<p>\n<a href='{{if .Error}}x'{{end}}>": `login.html:2:`,
	} {
		path := write(t, text)
		_, err := login.New(login.Options{
			Users: users(), Key: []byte("x"), Passwords: auth.NewPasswords(), Template: path,
			Sessions: session.New(session.Options{Secrets: [][]byte{[]byte("x")}}),
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want %s", text, err, want)
		}
	}
	_, err := login.New(login.Options{
		Users: users(), Key: []byte("x"), Passwords: auth.NewPasswords(), Template: "no/such.html",
		Sessions: session.New(session.Options{Secrets: [][]byte{[]byte("x")}}),
	})
	if err == nil || !strings.HasPrefix(err.Error(), "reading the template: open no/such.html: ") {
		t.Errorf("error is %v", err)
	}
}

func TestTemplateWithoutToken(t *testing.T) {
	path := write(t, `<form method="post"><input name="user"><input name="password"></form>`)
	s := newSite(t, func(o *login.Options) { o.Template = path })
	if !strings.Contains(s.log.String(), "level=WARN msg=\"the template does not send the token") {
		t.Errorf("the log says\n%s", s.log)
	}
}
