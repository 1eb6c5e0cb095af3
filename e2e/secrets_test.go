package e2e_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	cookieSecret = "cookie-secret-83f2c1d06b77e24a5e9b10"
	tokenSecret  = "token-secret-5c6f0f9f0a3d4a3bb1d3c54e6a"
	password     = "password-that-is-right"
)

// secretsApp takes every kind of secret, and fails in every way.
const secretsApp = `
app:
  settings: {cookie_secret: ` + cookieSecret + `}
log: {level: debug}
url:
  login:
    pattern: /login
    handler: SimpleAuth
    kwargs: {credentials: {alice: ` + password + `}, delay: 0}
  logout: {pattern: /logout, handler: LogoutHandler}
  me:
    pattern: /me
    handler: FunctionHandler
    kwargs: {auth: true, function: secretsapp.me}
  raises:
    pattern: /raises
    handler: FunctionHandler
    kwargs: {function: secretsapp.raises}
  judged:
    pattern: /judged
    handler: FunctionHandler
    kwargs: {function: secretsapp.me, validate: secretsapp.raises(handler)}
  news:
    pattern: /news
    handler: WebSocketHandler
    kwargs:
      open: secretsapp.opened
      on_message: secretsapp.said
      token: {secret: ` + tokenSecret + `, from: [header, subprotocol, query], ticket: true}
  chooses:
    pattern: /chooses
    handler: WebSocketHandler
    kwargs: {select_subprotocol: "'none of them'", token: {secret: ` + tokenSecret + `}}
  unasked: # nobody takes tokens here, but a client may bring one
    pattern: /unasked
    handler: WebSocketHandler
    kwargs: {select_subprotocol: "'none of them'"}
  plain:
    pattern: /plain
    handler: WebSocketHandler
    kwargs: {open: secretsapp.opened, origins: gramener.com}
`

const secretsModule = `
import logging

def me(handler):
    return handler.current_user['id']

def raises(handler):
    raise ValueError('a function raised')

def opened(handler):
    logging.getLogger().warning('opened')
    print(handler.request.uri, handler.request.path, handler.request.query)
    handler.write_message('welcome')

def said(handler, message):
    raise ValueError('a message raised')
`

// jwt makes a token for a user, signed with secret, whose claims get more, such
// as ,"exp":1.
func jwt(secret, user, more string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode(fmt.Appendf(nil, `{"sub":%q%s}`, user, more))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

// parley runs a command with l's folders to its end, and returns what it wrote.
func parley(t *testing.T, l launch, args ...string) string {
	t.Helper()
	binary, err := raceBinary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Env = l.dir, append(os.Environ(), "PARLEYDATA="+l.data)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("parley %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// No password, token, ticket or cookie stands in what Parley logs and answers,
// nor in its files: neither of requests that succeed, nor of those that are
// refused, nor where a function raises.
func TestSecretsAreNotWritten(t *testing.T) {
	l := launch{dir: app(t, map[string]string{"gramex.yaml": secretsApp, "secretsapp.py": secretsModule}), data: t.TempDir()}
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			l := l
			l.args = []string{"--log.format=" + format, "--drain.over=0"}
			s := start(t, l)
			told := &told{visitor: s.visitor(), secrets: map[string]string{
				"cookie_secret": cookieSecret, "the token's secret": tokenSecret, "the password": password,
			}}
			told.logins()
			told.tokens(s)
			told.tickets()
			told.cookies()
			s.logged(regexp.MustCompile("a message raised"))
			s.logged(regexp.MustCompile("a function raised"))

			told.look("parley check", parley(t, l, "check", "--log.format="+format))
			told.look("parley sessions list", parley(t, l, "sessions", "list"))
			s.stop()
			told.look("the log", s.log.String())
			told.files(l.data)
		})
	}
}

// A told is a visitor who tells the server secrets, and looks whether it hears
// them again.
type told struct {
	*visitor
	secrets map[string]string // by what they are
}

// tell notes a secret and returns it.
func (x *told) tell(what, secret string) string {
	x.secrets[what] = secret
	return secret
}

// look fails if text has a secret, or as much of one as would help.
func (x *told) look(where, text string) {
	x.t.Helper()
	for what, secret := range x.secrets {
		_, claims, _ := strings.Cut(secret, ".") // of a token: what is before is in all of them
		for _, part := range []string{claims, secret[:20], secret[len(secret)-20:]} {
			if part == "" || strings.HasPrefix(part, "eyJhbGci") {
				continue
			}
			if at := strings.Index(text, part); at >= 0 {
				x.t.Errorf("%s has %s: …%s…", where, what, text[max(0, at-200):min(len(text), at+200)])
				break
			}
		}
	}
}

// asks sends a request, whose answer must not tell any secret.
func (x *told) asks(method, path, body string, header ...string) (status int) {
	x.t.Helper()
	answer, text := x.ask(method, path, body, append(header, "Accept: text/html")...)
	for _, c := range answer.Cookies() { // there it belongs
		x.tell("the cookie of "+method+" "+path, signature(c.Value))
	}
	answer.Header.Del("Set-Cookie")
	if answer.StatusCode == 302 { // to the login, with the address to come back to
		answer.Header.Del("Location")
		text = ""
	}
	x.look("the answer to "+method+" "+path, fmt.Sprint(text, answer.Header))
	return answer.StatusCode
}

// signature is what makes a cookie one: the id before it may be told.
func signature(cookie string) string { return cookie[strings.LastIndexByte(cookie, '.')+1:] }

// expect fails unless a socket opens, or is refused with a status.
func (x *told) expect(want, path string, header ...string) {
	x.t.Helper()
	if got := x.hears(path, header...); got != want {
		x.t.Errorf("%s: %s, want %s", path, got, want)
	}
}

func (x *told) logins() {
	wrong := x.tell("a wrong password", "password-that-is-wrong")
	misplaced := x.tell("a password for a name", "password-in-the-field-of-the-name")
	form := "application/x-www-form-urlencoded"
	for _, body := range []string{
		x.form("alice", wrong), x.form(password, wrong), x.form(misplaced, misplaced),
		"user=alice&password=" + wrong, "user=alice&password=" + wrong + "&_xsrf=xxxx", "password=%zz" + wrong,
	} {
		// The name is in the form again: that is what the one who typed it needs.
		answer, text := x.ask("POST", "/login?password="+wrong, body, "Content-Type: "+form)
		if answer.StatusCode < 400 {
			x.t.Errorf("%s logs in: %s", body, answer.Status)
		}
		if strings.Contains(text, `value="`+wrong) || strings.Contains(text, `"`+wrong+`"`) {
			x.t.Errorf("the login page has the password")
		}
	}
	x.asks("POST", "/login", `{"user":"alice","password":"`+wrong+`"}`, "Content-Type: application/json", "Sec-Fetch-Site: same-origin")
	x.asks("POST", "/login", `{"user":"alice","password":"`+wrong, "Content-Type: application/json", "Sec-Fetch-Site: same-origin")
	x.asks("POST", "/login", x.form("alice", wrong), "Content-Type: "+form, "Origin: https://evil.example")
	x.asks("PUT", "/login?password="+wrong, wrong)
	x.asks("GET", "/me", "", "Authorization: Basic "+x.tell("a password for HTTP", base64.StdEncoding.EncodeToString([]byte("alice:"+wrong))))
	x.logIn("alice", password)
	x.tell("alice's cookie", signature(x.value()))
	if status := x.asks("GET", "/me", ""); status != 200 {
		x.t.Errorf("alice gets %d", status)
	}
}

func (x *told) tokens(s *server) {
	stranger := &told{s.visitor(), x.secrets}
	soon := fmt.Sprintf(`,"exp":%d`, time.Now().Add(time.Hour).Unix())
	for i, tc := range []struct{ what, token, want string }{
		{"good", jwt(tokenSecret, "good-%d@example.com", soon), "welcome"},
		{"expired", jwt(tokenSecret, "expired-%d@example.com", `,"exp":1`), "401"},
		{"of another secret", jwt(tokenSecret[1:], "other-%d@example.com", soon), "401"},
		{"malformed", jwt(tokenSecret, "malformed-%d@example.com", soon) + "x", "401"},
		{"without a signature", strings.TrimRight(jwt(tokenSecret, "bare-%d@example.com", soon), "-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"), "401"},
		{"that is none", "this-is-no-token-but-secret-nevertheless", "401"},
	} {
		token := x.tell(fmt.Sprintf("token %d, %s", i, tc.what), tc.token)
		stranger.expect(tc.want, "/news", "Authorization: Bearer "+token)
		stranger.expect(tc.want, "/news?x=1&token="+token)
		stranger.expect(tc.want, "/news", "Sec-WebSocket-Protocol: parley, bearer."+token)
		stranger.expect("400", "/news?token="+token, "Authorization: Bearer "+token)
		// Where nobody wants one, and somebody sends one all the same.
		for _, path := range []string{"/none", "/me", "/raises", "/judged", "/.parley/none", "/%2e%2e/none", "/news", "/login"} {
			stranger.asks("GET", path+"?token="+token, "", "Authorization: Bearer "+token, "Referer: "+x.url+"/?token="+token)
		}
		stranger.asks("POST", "/news?token="+token, "")
		stranger.expect("500", "/unasked?token="+token, "Sec-WebSocket-Protocol: parley, bearer."+token)
		stranger.expect("403", "/plain?token="+token, "Origin: https://evil.example", "Sec-WebSocket-Protocol: bearer."+token)

		if tc.want != "welcome" {
			stranger.expect(tc.want, "/chooses", "Sec-WebSocket-Protocol: parley, bearer."+token)
			continue
		}
		stranger.expect("500", "/chooses", "Sec-WebSocket-Protocol: parley, bearer."+token)
		// A socket gets a fresh one, a bad one, and its function raises.
		for _, message := range []string{`{"parley": {"token": "` + token + `"}}`, `{"parley":{"token":"` + token + `x"}}`, "raise"} {
			c, err := stranger.open("/news", "Authorization: Bearer "+token)
			if err != nil {
				x.t.Fatal(err)
			}
			c.until("welcome")
			c.say(message)
			_ = c.Close(1000, "")
		}
	}
}

func (x *told) tickets() {
	ticket := x.tell("a ticket", x.ticket("/news"))
	x.expect("403", "/plain?ticket="+ticket, "Origin: https://evil.example")
	x.asks("GET", "/news?ticket="+ticket, "")
	x.expect("welcome", "/news?ticket="+ticket)
	x.expect("401", "/news?ticket="+ticket)
	x.expect("401", "/news?ticket="+x.tell("a ticket that is none", "a-ticket-that-nobody-has-ever-given-out"))
	x.asks("GET", "/none?ticket="+ticket, "")
	x.asks("POST", "/news?ticket="+ticket, "")
}

func (x *told) cookies() {
	good := x.value()
	tampered := good[:len(good)-5] + "AAAAA"
	x.tell("a cookie that was worked on", signature(tampered))
	for _, cookie := range []string{good, tampered, good + strings.Repeat("A", 8<<10)} {
		for _, path := range []string{"/me", "/none", "/raises", "/judged", "/login", "/.parley/health"} {
			x.Jar = newVisitor(x.t, x.url).Jar
			x.asks("GET", path, "", "Cookie: sid="+cookie)
		}
	}
	x.asks("POST", "/logout", "", "Cookie: sid="+good)
	x.asks("GET", "/me", "", "Cookie: sid="+good)
}

// files looks at all that Parley has written into its folder: with a
// cookie_secret in the config, no secret belongs there.
func (x *told) files(dir string) {
	x.t.Helper()
	count := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		count++
		x.look(filepath.Base(path), read(x.t, path))
		return nil
	})
	if err != nil || count == 0 {
		x.t.Errorf("looked at %d files: %v", count, err)
	}
}
