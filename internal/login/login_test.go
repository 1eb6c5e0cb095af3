package login_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/login"
	"parley.example/parley/internal/session"
)

func TestLogIn(t *testing.T) {
	b := newSite(t, nil).browser()
	page := b.get("/login")
	page.want(t, http.StatusOK, "")
	before, old := b.cookie, b.session()
	old.Update(parley.SessionChange{Set: map[string]json.RawMessage{"cart": json.RawMessage(`["tea"]`)}}, nil)

	b.send(http.MethodPost, "/login", form("_xsrf", page.token(), "user", "alice", "password", "wonderland")).
		want(t, http.StatusSeeOther, "/")
	if b.cookie == before {
		t.Error("the browser has its old id: whoever planted that is logged in, too")
	}
	values := b.session().Values()
	delete(values, "_login") // the session's own
	if got, want := show(values), `cart=["tea"] user={"id":"alice","role":["admin"],"user":"alice"}`; got != want {
		t.Errorf("session is %s, want %s", got, want)
	}
	if (&browser{site: b.site, cookie: before}).session() != nil {
		t.Error("the id from before the login opens something")
	}
	if old.User() != nil {
		t.Errorf("who holds the session from before sees %v", old.User())
	}
}

func show(values map[string]json.RawMessage) string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		out = append(out, key+"="+string(values[key]))
	}
	return strings.Join(out, " ")
}

func TestCookieOverHTTPS(t *testing.T) {
	b := newSite(t, nil).browser()
	b.scheme = "https"
	a := b.logIn("alice", "wonderland")
	a.want(t, http.StatusSeeOther, "/")
	if line := a.Header.Get("Set-Cookie"); !strings.HasPrefix(line, "__Host-sid=") || !strings.Contains(line, "; Secure") {
		t.Errorf("cookie is %q", line)
	}
	if got := b.user(); got != "alice" {
		t.Errorf("user is %q", got)
	}
}

// Nothing tells whether there is a user: neither words nor work.
func TestFailures(t *testing.T) {
	hash := auth.HashPassword("wonderland")
	for name, all := range map[string]map[string]login.Credential{
		"plain":  users(),
		"hashes": {"alice": {Password: hash}},
		"mixed":  {"alice": {Password: hash}, "bob": {Password: "builder"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newSite(t, func(o *login.Options) { o.Users = all }).browser()
			var pages []string
			for i, try := range []struct{ user, password string }{
				{"alice", "Wonderland"}, {"mallory", "wonderland"}, {"alice ", "wonderland"}, {"ALICE", "wonderland"}, {strings.Repeat("a", 300), "x"},
			} {
				a := b.logIn(try.user, try.password)
				a.want(t, http.StatusUnauthorized, "")
				if got := int(b.passwords.Checked()); got != i+1 {
					t.Errorf("%s: %d passwords checked in all, want %d", try.user, got, i+1)
				}
				if len(try.user) > 256 {
					try.user = ""
				}
				pages = append(pages, strings.NewReplacer(a.token(), "", `value="`+try.user+`"`, "", " autofocus", "").Replace(a.body))
			}
			for _, page := range pages[1:] {
				if page != pages[0] {
					t.Errorf("pages differ:\n%s\n%s", shorten(pages[0]), shorten(page))
				}
			}
			if b.user() != "" {
				t.Errorf("logged in as %q", b.user())
			}
		})
	}
}

func TestPasswordsThatAreTooLong(t *testing.T) {
	long := strings.Repeat("x", 1025)
	b := newSite(t, nil).browser()
	for _, user := range []string{"alice", "mallory"} {
		b.logIn(user, long).want(t, http.StatusUnauthorized, "")
	}
	if got := b.passwords.Checked(); got != 0 {
		t.Errorf("%d passwords checked, want none", got)
	}
	if got := len(b.log.lines("login failed")); got != 2 {
		t.Errorf("%d failures logged, want 2", got)
	}
}

func TestBadRequests(t *testing.T) {
	b := newSite(t, nil).browser()
	token := b.get("/login").token()
	good := form("_xsrf", token, "user", "alice", "password", "wonderland")
	for name, tc := range map[string]struct {
		target, body, kind string
		status             int
	}{
		"no password":           {"/login", form("_xsrf", token, "user", "alice"), "", http.StatusBadRequest},
		"no user":               {"/login", form("_xsrf", token, "password", "wonderland"), "", http.StatusBadRequest},
		"all in the URL":        {"/login?" + good, "", "", http.StatusBadRequest},
		"all but the token":     {"/login?user=alice&password=wonderland", form("_xsrf", token), "", http.StatusBadRequest},
		"too much":              {"/login", good + "&x=" + strings.Repeat("x", 16<<10), "", http.StatusRequestEntityTooLarge},
		"a form that is broken": {"/login", good + "&x=%zz", "", http.StatusBadRequest},
		"another form":          {"/login", good, "multipart/form-data; boundary=x", http.StatusUnsupportedMediaType},
		"plain text":            {"/login", `{"user": "alice", "password": "wonderland"}`, "text/plain", http.StatusUnsupportedMediaType},
		"no type":               {"/login", good, "nonsense/", http.StatusUnsupportedMediaType},
		"JSON that is broken":   {"/login", `{"user": "alice"`, "application/json", http.StatusBadRequest},
		"JSON without object":   {"/login", `["alice", "wonderland"]`, "application/json", http.StatusBadRequest},
		"JSON without texts":    {"/login", `{"user": "alice", "password": ["wonderland"]}`, "application/json", http.StatusBadRequest},
		"JSON twice":            {"/login", `{"user": "alice", "password": "wonderland"} {}`, "application/json", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			kind := tc.kind
			if kind == "" {
				kind = "application/x-www-form-urlencoded"
			}
			b.send(http.MethodPost, tc.target, tc.body, "Content-Type", kind).want(t, tc.status, "")
			if b.user() != "" {
				t.Errorf("logged in as %q", b.user())
			}
		})
	}
	b.send(http.MethodPost, "/login", good).want(t, http.StatusSeeOther, "/")
}

func TestOtherMethods(t *testing.T) {
	b := newSite(t, nil).browser()
	b.send(http.MethodHead, "/login", "").want(t, http.StatusOK, "")
	for _, path := range []string{"/login", "/logout"} {
		a := b.send(http.MethodPut, path, "")
		a.want(t, http.StatusMethodNotAllowed, "")
		if got := a.Header.Get("Allow"); got != "GET, HEAD, POST" {
			t.Errorf("%s: Allow is %q", path, got)
		}
	}
}

func TestForeignPosts(t *testing.T) {
	for name, tc := range map[string]struct {
		headers []string
		token   bool // the form's own
		status  int
	}{
		"the form":                            {nil, true, http.StatusSeeOther},
		"its browser says more":               {[]string{"Sec-Fetch-Site", "same-origin"}, true, http.StatusSeeOther},
		"an old browser":                      {[]string{"Origin", ""}, true, http.StatusSeeOther},
		"no token":                            {nil, false, http.StatusSeeOther},
		"no token, by a browser that is sure": {[]string{"Sec-Fetch-Site", "same-origin", "Origin", ""}, false, http.StatusSeeOther},
		"no token, no browser":                {[]string{"Origin", ""}, false, http.StatusForbidden},
		"no token, by a script":               {[]string{"Origin", "", "X-Requested-With", "XMLHttpRequest"}, false, http.StatusForbidden},
		"a foreign page":                      {[]string{"Origin", "http://evil.com"}, true, http.StatusForbidden},
		"one that looks alike":                {[]string{"Origin", "http://gramener.com.evil.com"}, true, http.StatusForbidden},
		"a sandbox":                           {[]string{"Origin", "null"}, true, http.StatusForbidden},
		"a neighbour":                         {[]string{"Sec-Fetch-Site", "same-site"}, true, http.StatusForbidden},
		"a stranger":                          {[]string{"Sec-Fetch-Site", "cross-site", "Origin", ""}, true, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			b := newSite(t, nil).browser()
			body := []string{"user", "alice", "password", "wonderland"}
			if page := b.get("/login"); tc.token {
				body = append(body, "_xsrf", page.token())
			}
			a := b.send(http.MethodPost, "/login", form(body...), tc.headers...)
			want := map[int]string{http.StatusSeeOther: "/"}
			a.want(t, tc.status, want[tc.status])
			if tc.status != http.StatusForbidden {
				return
			}
			if b.user() != "" || b.passwords.Checked() > 0 {
				t.Errorf("user %q, %d passwords checked", b.user(), b.passwords.Checked())
			}
			if len(b.log.lines("login refused")) != 1 {
				t.Errorf("the log says\n%s", b.log)
			}
		})
	}
}

// Somebody has the victim's browser send a form with his own name and password,
// and with a token that he has got for himself: the victim would use his
// account.
func TestLoginCSRF(t *testing.T) {
	s := newSite(t, nil)
	attacker, victim := s.browser(), s.browser()
	token := attacker.get("/login").token()
	victim.get("/login")
	body := form("_xsrf", token, "user", "bob", "password", "builder")
	for name, headers := range map[string][]string{
		"a browser that says where from": {"Origin", "http://evil.com"},
		"one that does not":              {"Origin", ""},
		"a neighbour, in its own words":  {"Origin", "http://gramener.com", "Sec-Fetch-Site", "same-site"},
	} {
		victim.send(http.MethodPost, "/login", body, headers...).want(t, http.StatusForbidden, "")
		if got := victim.user(); got != "" {
			t.Errorf("%s: logged in as %q", name, got)
		}
	}
	// Without a session of its own, too: its cookie was not sent.
	bare := s.browser()
	bare.send(http.MethodPost, "/login", body, "Origin", "").want(t, http.StatusForbidden, "")
	for i := range len(token) {
		bad := []byte(token)
		bad[i] ^= 1
		if a := attacker.send(http.MethodPost, "/login", form("_xsrf", string(bad), "user", "bob", "password", "builder"), "Origin", ""); a.StatusCode != http.StatusForbidden {
			t.Fatalf("a token with another character %d is good: %d", i, a.StatusCode)
		}
	}
	attacker.send(http.MethodPost, "/login", body, "Origin", "").want(t, http.StatusSeeOther, "/")
	attacker.send(http.MethodPost, "/login", body, "Origin", "").want(t, http.StatusForbidden, "") // it belonged to the session before
}

// Two tabs got a form each at once, as after a logout, so their sessions were
// two, and the browser has kept one. Either form is good.
func TestFormsOfTwoTabs(t *testing.T) {
	b := newSite(t, nil).browser()
	first := b.get("/login").token()
	b.cookie = ""
	b.get("/login")
	b.send(http.MethodPost, "/login", form("_xsrf", first, "user", "alice", "password", "wonderland")).want(t, http.StatusSeeOther, "/")
}

// A page that was refused offers the form again, and that works.
func TestRefusedFormWorksAgain(t *testing.T) {
	b := newSite(t, nil).browser()
	again := b.send(http.MethodPost, "/login?next=/chat", form("_xsrf", "old", "user", "alice", "password", "wonderland"), "Origin", "")
	again.want(t, http.StatusForbidden, "")
	if !strings.Contains(again.body, `value="alice"`) || !strings.Contains(again.body, `action="?next=%2Fchat"`) {
		t.Errorf("the page lacks what was typed: %s", shorten(again.body))
	}
	b.send(http.MethodPost, "/login?next=/chat", form("_xsrf", again.token(), "user", "alice", "password", "wonderland")).
		want(t, http.StatusSeeOther, "/chat")
}

// The browser that a foreign page has post here has sent no cookie. It must not
// get one: that would end its session.
func TestForeignPostsGetNoCookie(t *testing.T) {
	s := newSite(t, nil)
	alone := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.login.Serve(w, r, nil) })
	for name, handler := range map[string]http.Handler{"alone": alone, "behind Pages": s.handler} {
		s.handler = handler
		a := s.browser().send(http.MethodPost, "/login", form("user", "bob", "password", "builder"), "Origin", "http://evil.com")
		a.want(t, http.StatusForbidden, "")
		if a.sid() != "" || a.token() != "" || !strings.Contains(a.body, `href="?"`) {
			t.Errorf("%s: cookie %q, page %s", name, a.sid(), shorten(a.body))
		}
	}
}

func TestJSON(t *testing.T) {
	const good, bad = `{"user": "alice", "password": "wonderland", "next": "/chat?a=1"}`, `{"user": "alice", "password": "x"}`
	for name, tc := range map[string]struct {
		body    string
		headers []string
		status  int
		want    string
	}{
		"own page":      {good, nil, http.StatusOK, `{"redirect":"/chat?a=1","user":"alice"}`},
		"no browser":    {good, []string{"Origin", ""}, http.StatusOK, `{"redirect":"/chat?a=1","user":"alice"}`},
		"with charset":  {good, []string{"Content-Type", "application/json; charset=utf-8"}, http.StatusOK, `{"redirect":"/chat?a=1","user":"alice"}`},
		"foreign page":  {good, []string{"Origin", "http://evil.com"}, http.StatusForbidden, `{"error":"This came from another site, or your browser hides where it came from. Please log in here."}`},
		"neighbour":     {good, []string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden, `{"error":"This came from another site, or your browser hides where it came from. Please log in here."}`},
		"not right":     {bad, nil, http.StatusUnauthorized, `{"error":"User name or password is not right."}`},
		"nobody":        {`{}`, nil, http.StatusBadRequest, `{"error":"Please enter your user name and your password."}`},
		"no JSON":       {`{`, nil, http.StatusBadRequest, `{"error":"The form cannot be read."}`},
		"a bad way on":  {`{"user": "alice", "password": "wonderland", "next": "//evil.com"}`, nil, http.StatusOK, `{"redirect":"/","user":"alice"}`},
		"a foreign one": {`{"user": "alice", "password": "wonderland", "next": "https://evil.com/"}`, nil, http.StatusOK, `{"redirect":"/","user":"alice"}`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newSite(t, nil).browser()
			a := b.send(http.MethodPost, "/login", tc.body, append([]string{"Content-Type", "application/json"}, tc.headers...)...)
			a.want(t, tc.status, "")
			if got := strings.TrimSpace(a.body); got != tc.want || a.Header.Get("Content-Type") != "application/json" {
				t.Errorf("answer is %s %s, want %s", a.Header.Get("Content-Type"), got, tc.want)
			}
			if got, want := b.user() == "alice", tc.status == http.StatusOK; got != want {
				t.Errorf("logged in: %v, want %v", got, want)
			}
		})
	}
}

func TestScriptsThatSendTheForm(t *testing.T) {
	b := newSite(t, nil).browser()
	page := b.get("/login")
	a := b.send(http.MethodPost, "/login?next=/chat", form("_xsrf", page.token(), "user", "alice", "password", "wonderland"), "X-Requested-With", "XMLHttpRequest")
	a.want(t, http.StatusOK, "")
	if got, want := strings.TrimSpace(a.body), `{"redirect":"/chat","user":"alice"}`; got != want {
		t.Errorf("answer is %s, want %s", got, want)
	}
}

func TestFieldNames(t *testing.T) {
	b := newSite(t, func(o *login.Options) { o.UserField, o.PasswordField = "email", "pass" }).browser()
	page := b.get("/login")
	for _, want := range []string{`name="email"`, `name="pass"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	b.send(http.MethodPost, "/login", form("_xsrf", page.token(), "email", "alice", "pass", "wonderland")).want(t, http.StatusSeeOther, "/")
	b.send(http.MethodPost, "/login", `{"email": "bob", "pass": "builder"}`, "Content-Type", "application/json").want(t, http.StatusOK, "")
	if got := b.user(); got != "bob" {
		t.Errorf("user is %q", got)
	}
}

func TestLoggedInAlready(t *testing.T) {
	b := newSite(t, func(o *login.Options) { o.Redirect = &login.Redirect{Query: "next", Header: "Referer"} }).browser()
	b.logIn("alice", "wonderland")
	page := b.get("/login")
	page.want(t, http.StatusOK, "")
	for _, want := range []string{"You are logged in as <strong>alice</strong>", `href="/"`, "Or log in as somebody else"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %s: %s", want, shorten(page.body))
		}
	}
	b.get("/login?next=/chat").want(t, http.StatusFound, "/chat")
	b.get("/login?next=//evil.com").want(t, http.StatusOK, "")
	if page := b.get("/login", "Referer", "http://gramener.com/chat"); !strings.Contains(page.body, `href="/chat">Continue`) {
		t.Errorf("the page does not lead back: %d %s", page.StatusCode, shorten(page.body))
	}

	b.send(http.MethodPost, "/login", form("_xsrf", page.token(), "user", "bob", "password", "builder")).want(t, http.StatusSeeOther, "/")
	if got := b.user(); got != "bob" {
		t.Errorf("user is %q", got)
	}
}

// An ender hears that its session ends.
type ender chan struct{}

func (e ender) SessionEnded() { close(e) }

func (e ender) ended() bool {
	select {
	case <-e:
		return true
	default:
		return false
	}
}

// Sockets of somebody end when somebody else logs in, not those of nobody.
func TestSocketsOfTheSessionBefore(t *testing.T) {
	b := newSite(t, nil).browser()
	b.get("/login")
	anonymous, alices := make(ender), make(ender)
	b.session().OnEnd(anonymous)
	b.logIn("alice", "wonderland")
	b.session().OnEnd(alices)
	if anonymous.ended() || alices.ended() {
		t.Errorf("after the first login: anonymous socket ended: %v, alice's: %v", anonymous.ended(), alices.ended())
	}
	b.logIn("bob", "builder")
	if !alices.ended() {
		t.Error("alice's socket goes on under bob")
	}
}

func TestTerms(t *testing.T) {
	b := newSite(t, func(o *login.Options) { o.Terms = session.Terms{Expiry: time.Hour, By: "not this"} }).browser()
	b.logIn("alice", "wonderland")
	if _, ok := b.session().Deadline(); !ok {
		t.Error("the session does not end")
	}
	if got := string(b.session().Values()["_login"]); !strings.Contains(got, `"by":"login"`) {
		t.Errorf("login is %s", got)
	}
}

func TestLog(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.logIn("alice", "Secret-1")
	b.logIn("Secret-2", "Secret-3") // a password in the wrong field
	b.logIn("alice", "wonderland")
	b.send(http.MethodPost, "/logout", "")
	for msg, want := range map[string][]string{
		"login failed": {
			`level=WARN msg="login failed" endpoint=login user=alice remote=192.0.2.1:1234 reason="wrong password"`,
			`level=WARN msg="login failed" endpoint=login remote=192.0.2.1:1234 reason="unknown user"`,
		},
		"logged in":  {`level=INFO msg="logged in" endpoint=login user=alice remote=192.0.2.1:1234`},
		"logged out": {`level=INFO msg="logged out" endpoint=logout user=alice remote=192.0.2.1:1234`},
	} {
		var got []string
		for _, line := range s.log.lines(msg) {
			_, line, _ = strings.Cut(strings.TrimSpace(line), " ") // the time
			got = append(got, line)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%q\nwant\n%q", msg, got, want)
		}
	}
	_, value, _ := strings.Cut(b.cookie, "=")
	for _, secret := range []string{"Secret", "wonderland", value[:24], "_xsrf"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("%q stands in the log:\n%s", secret, s.log)
		}
	}
}

func TestBadOptions(t *testing.T) {
	users := func(name string, c login.Credential) func(*login.Options) {
		return func(o *login.Options) { o.Users = map[string]login.Credential{name: c} }
	}
	attribute := func(key, value string) func(*login.Options) {
		return users("a", login.Credential{Password: "x", Attributes: map[string]json.RawMessage{key: json.RawMessage(value)}})
	}
	for want, change := range map[string]func(*login.Options){
		"no users: nobody could log in":                           func(o *login.Options) { o.Users = nil },
		`user "": a name has from 1 to 256 bytes`:                 users("", login.Credential{Password: "x"}),
		`user "a": the password is empty`:                         users("a", login.Credential{}),
		`user "a": the password begins with $6$`:                  users("a", login.Credential{Password: "$6$salt$hash"}),
		`user "a": the password has more than 1024 bytes`:         users("a", login.Credential{Password: strings.Repeat("x", 1025)}),
		`user "a": id is no attribute to choose`:                  attribute("id", "1"),
		`user "a": password is no attribute to choose`:            attribute("password", `"x"`),
		`user "a": attribute role is no JSON`:                     attribute("role", "admin"),
		`redirect to "chat": must begin with / or https://`:       func(o *login.Options) { o.Redirect = &login.Redirect{URL: "chat"} },
		`redirect to "javascript:x": must begin with / or http`:   func(o *login.Options) { o.Redirect = &login.Redirect{URL: "javascript:x"} },
		`redirect to "/\\chat": is no URL`:                        func(o *login.Options) { o.Redirect = &login.Redirect{URL: `/\chat`} },
		`redirect to "//evil.com": must begin with / or https://`: func(o *login.Options) { o.Redirect = &login.Redirect{URL: "//evil.com"} },
		`user and password are the same field, "x"`:               func(o *login.Options) { o.UserField, o.PasswordField = "x", "x" },
		`delay -1s: must be from 0 to 24h`:                        func(o *login.Options) { o.Delay = []time.Duration{-time.Second} },
	} {
		opt := login.Options{
			Users: map[string]login.Credential{"a": {Password: "x"}}, Key: []byte("x"), Passwords: auth.NewPasswords(),
			Sessions: session.New(session.Options{Secrets: [][]byte{[]byte("x")}}),
		}
		change(&opt)
		if _, err := login.New(opt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
}
