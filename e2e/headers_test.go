package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every page of Parley's own keeps scripts, frames and guesses about its kind
// away, and nothing says which version answers.
func TestHeadersOfOurPages(t *testing.T) {
	dir := app(t, map[string]string{"gramex.yaml": loginApp + `
  members: {pattern: /members, handler: FunctionHandler, kwargs: {function: "''", auth: {membership: {role: none}}}}
  refuses: {pattern: /refuses, handler: FunctionHandler, kwargs: {function: "''", validate: {function: "False", code: 418}}}
`})
	s := serve(t, dir)
	stranger, alice := s.visitor(), s.visitor()
	alice.logIn("alice", "wonderland")
	for _, tc := range []struct {
		v            *visitor
		method, path string
		header       string
		status       int
	}{
		{stranger, "GET", "/", "", 200},
		{stranger, "GET", "/login", "", 200},
		{stranger, "POST", "/login", "", 415},
		{stranger, "POST", "/login", "Content-Type: application/x-www-form-urlencoded", 403},
		{stranger, "POST", "/login", "Origin: http://evil.example", 403},
		{stranger, "PUT", "/login", "", 405},
		{alice, "GET", "/login", "", 200},
		{alice, "GET", "/logout", "Referer: http://evil.example/", 200},
		{stranger, "GET", "/none", "", 404},
		{stranger, "GET", "/.parley/none", "", 404},
		{stranger, "GET", "/%2e%2e/none", "", 400},
		{stranger, "GET", "/" + strings.Repeat("x", 5000), "", 414},
		{stranger, "DELETE", "/gramex.yaml", "", 404},
		{stranger, "GET", "/refuses", "", 418},
		{stranger, "GET", "/me", "Sec-Fetch-Mode: cors", 401},
		{alice, "GET", "/members", "", 403},
	} {
		header := []string{"Accept: text/html"}
		if tc.header != "" {
			header = append(header, tc.header)
		}
		answer, text := tc.v.ask(tc.method, tc.path, "", header...)
		name := tc.method + " " + tc.path[:min(len(tc.path), 20)]
		if answer.StatusCode != tc.status {
			t.Errorf("%s: %s, want %d", name, answer.Status, tc.status)
		}
		h := answer.Header
		if !strings.HasPrefix(h.Get("Content-Type"), "text/html") || !strings.Contains(text, "<!DOCTYPE html>") {
			t.Errorf("%s answers with no page: %v\n%s", name, h, text)
		}
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: no %s in the policy %q", name, want, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
			t.Errorf("%s: the policy is %q", name, policy)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Cache-Control"), "no-store") {
			t.Errorf("%s: %v", name, h)
		}
		for _, telling := range []string{"Server", "X-Powered-By", "Via"} {
			if h.Get(telling) != "" {
				t.Errorf("%s tells %s: %s", name, telling, h.Get(telling))
			}
		}
		for _, telling := range []string{dir, filepath.Base(dir), "traceback", "Traceback", "goroutine", ".go:"} {
			if tc.path != "/" && strings.Contains(text, telling) {
				t.Errorf("%s tells %q:\n%s", name, telling, text)
			}
		}
	}

	// A socket's answers are no pages, and say as little.
	c, err := alice.open("/socket")
	if err != nil {
		t.Fatal(err)
	}
	if h := c.response.Header; h.Get("Server") != "" || h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("the 101 says %v", h)
	}
	if answer, _ := stranger.ask("OPTIONS", "/socket", "", "Origin: http://evil.example", "Access-Control-Request-Method: POST"); answer.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a script of another site may ask: %v", answer.Header)
	}
}

// Files behind a login and beside one: no way leads out of a folder, for nobody.
func TestNoWayOutOfAFolder(t *testing.T) {
	outside := t.TempDir()
	write(t, filepath.Join(outside, "secret.txt"), treasure)
	dir := app(t, map[string]string{"gramex.yaml": loginApp + `
  files: {pattern: /files/(.*), handler: FileHandler, kwargs: {path: shown, auth: true}}
`, "code.py": "# " + treasure, ".env": treasure})
	if err := os.Mkdir(filepath.Join(dir, "shown"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "shown", "page.txt"), "shown")
	for _, link := range []string{"out", "shown/out"} {
		if err := os.Symlink(outside, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(outside, "secret.txt"), filepath.Join(dir, link+".txt")); err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t, dir)
	alice := s.visitor()
	alice.logIn("alice", "wonderland")
	if status, text := alice.get("/files/page.txt"); status != 200 || text != "shown" {
		t.Fatalf("what is shown: %d %q", status, text)
	}
	up := strings.Repeat("../", 20) + strings.TrimPrefix(outside, "/") + "/secret.txt"
	for _, prefix := range []string{"/", "/files/"} {
		for _, rest := range []string{
			"out/secret.txt", "out.txt", "out/./secret.txt", up, strings.ReplaceAll(up, "../", "..%2f"), strings.ReplaceAll(up, "../", "%2e%2e/"),
			strings.ReplaceAll(up, "../", `..\`), strings.ReplaceAll(up, "../", "..%5c"), strings.ReplaceAll(up, "../", "..%252f"),
			strings.ReplaceAll(up, "../", "....//"), strings.ReplaceAll(up, "../", "%c0%ae%c0%ae/"), "/" + outside + "/secret.txt", "%2f" + outside[1:] + "/secret.txt",
			"../code.py", "../.env", "code.py", ".env", "gramex.yaml", "GRAMEX.YAML", "gramex.yaml%00.txt", "gramex.yaml/", "gramex.yaml.",
		} {
			request := "GET " + prefix + rest + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: " + alice.cookie() + "\r\n\r\n"
			got, texts := answers(t, s.wire(request), http.MethodGet)
			if len(got) != 1 || got[0].StatusCode < 400 || strings.Contains(texts[0], treasure) || strings.Contains(texts[0], "SimpleAuth") {
				t.Errorf("%s%s: %q", prefix, rest, texts)
			}
		}
	}
}
