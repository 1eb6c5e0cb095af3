package e2e_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// live says that an example's page has its socket.
const live = `document.querySelector('#status')?.dataset.state === 'live'`

// Each example, alone and below examples/, on a phone and on a desktop: the
// page loads without an error, has its socket, and fits.
func TestExamplePages(t *testing.T) {
	all := serve(t, example(t, ""))
	b := openBrowser(t)
	fits := func(url string, wants ...string) {
		t.Helper()
		for _, width := range []int64{390, 1280} {
			p := b.openSized(url, width, 760, width < 500)
			for _, want := range wants {
				p.wait(want)
			}
			if wide := evaluate[int64](p, "document.documentElement.scrollWidth"); wide > width {
				t.Errorf("%s is %d pixels wide on a screen of %d", url, wide, width)
			}
			p.close()
		}
	}
	fits(all.url+"/", "document.querySelectorAll('.cards a').length >= 4")
	for _, name := range []string{"pingbot", "chat", "chat-starlark", "rooms", "idlebot", "idlebot-starlark", "nginx"} {
		fits(all.url+"/"+name, live, "!document.querySelector('nav').hidden") // without its slash: a redirect
		alone := serve(t, example(t, name))
		fits(alone.url+"/", live, "document.querySelector('nav').hidden")
	}
	for _, url := range []string{all.url + "/login-chat", serve(t, example(t, "login-chat")).url + "/"} {
		fits(url, atLogin)
		p := b.open(url)
		p.logIn("chen", "let chen in")
		p.wait(live)
		p.close()
		fits(url, live)
	}
	for _, url := range []string{all.url + "/token", serve(t, example(t, "token")).url + "/"} {
		fits(url, "document.querySelector('#token')")
	}
}

func TestBrowserPingbot(t *testing.T) {
	s := serve(t, example(t, ""))
	p := openBrowser(t).open(s.url + "/pingbot/")
	p.wait(live)
	p.enter("#text", "Hello <b>world</b>")
	p.text("#log", "Got message: Hello <b>world</b>")
	p.keys("#text", "grüß")
	p.click("button[value=bytes]")
	p.wait(`document.querySelectorAll('#log code').length === 2`)
	sent := evaluate[string](p, `document.querySelectorAll('#log code')[0].textContent`)
	answer := evaluate[string](p, `document.querySelectorAll('#log code')[1].textContent`)
	if want := "67 72 c3 bc c3 9f"; sent != want || answer != want {
		t.Errorf("bytes sent %q, answered %q, want %q", sent, answer, want)
	}
}

func TestBrowserChat(t *testing.T) { chat(t, "/chat/") }

func TestBrowserChatStarlark(t *testing.T) { chat(t, "/chat-starlark/") }

// chat has two people talk on the page at path.
func chat(t *testing.T, path string) {
	t.Helper()
	s := serve(t, example(t, ""))
	b := openBrowser(t)
	asha, ben := b.open(s.url+path), b.open(s.url+path)
	for p, name := range map[*tab]string{asha: "Asha", ben: "Ben"} {
		p.wait(live)
		p.keys("#name", name)
	}
	markup := `<img src=x onerror=alert(1)> & good evening`
	asha.enter("#text", markup)
	asha.text("#log", markup)
	ben.text("#log", markup)
	ben.text("#log li:not([hidden]) b", "Asha")
	asha.text("#log li.mine b", "You")
	if evaluate[bool](ben, `document.querySelector('#log img') !== null`) {
		t.Error("what people type became HTML")
	}
	ben.enter("#text", "Good evening, Asha")
	asha.text("#log", "Good evening, Asha")
	ben.text("#log li.mine", "Good evening, Asha")

	// The server goes away and comes back, and so do the pages.
	for _, p := range []*tab{asha, ben} {
		p.excuse = "WebSocket connection to"
	}
	s.stop()
	for _, p := range []*tab{asha, ben} {
		p.wait(`document.querySelector('#status').dataset.state === 'offline'`)
		p.wait(`document.querySelector('#send').disabled`)
	}
	start(t, launch{dir: example(t, ""), port: s.port()})
	for _, p := range []*tab{asha, ben} {
		p.wait(live)
	}
	asha.enter("#text", "We are back")
	ben.text("#log", "We are back")
}

// Two tabs hear each other in one room, and not in two.
func TestBrowserRooms(t *testing.T) {
	s := serve(t, example(t, "rooms"), "--python.executable=no-such-python")
	b := openBrowser(t)
	one, two := b.open(s.url+"/"), b.open(s.url+"/")
	for _, p := range []*tab{one, two} {
		p.wait(live)
	}
	one.enter("#text", "<b>hello</b>")
	two.text("#log", "<b>hello</b>")
	two.wait(`(document.querySelector('#room').value = 'kitchen', document.querySelector('#room').dispatchEvent(new Event('change')))`)
	two.wait(`document.querySelector('#status').textContent === 'In kitchen'`)
	one.enter("#text", "only here")
	two.enter("#text", "only there")
	one.text("#log", "only here")
	two.text("#log", "only there")
	if evaluate[bool](two, `document.querySelector('#log').innerText.includes('only here')`) {
		t.Error("one room is heard in another")
	}
}

// The bot speaks up by itself, and to each tab for itself.
func TestBrowserIdlebot(t *testing.T) {
	t.Parallel() // it mostly waits
	s := serve(t, example(t, ""))
	b := openBrowser(t)
	talking, silent := b.open(s.url+"/idlebot/"), b.open(s.url+"/idlebot/")
	for _, p := range []*tab{talking, silent} {
		p.wait(live)
		p.text("#log", "Hello!")
	}
	talking.enter("#text", "I like rain")
	talking.text("#log li.answer:last-child", "I like rain")
	for _, p := range []*tab{talking, silent} {
		p.wait(`document.querySelector('#log li.aside')`)
	}
	if evaluate[string](silent, `document.querySelector('#log').innerText`) == "" ||
		evaluate[bool](silent, `document.querySelector('#log').innerText.includes('rain')`) {
		t.Error("one tab's conversation shows in the other")
	}
}

// Each role is heard in its own room only; who has logged out is out everywhere.
func TestBrowserLoginChat(t *testing.T) {
	s := serve(t, example(t, ""))
	page := s.url + "/login-chat/"
	b := openBrowser(t)
	asha := b.open(page)
	asha.logIn("asha", "let asha in")
	asha.text("#status", "In the staff room")
	asha.text("#me", "Asha")
	second, guests := b.open(page), b.open(page+"?room=guest")
	chen := openBrowser(t).open(page)
	chen.logIn("chen", "let chen in")
	for _, p := range []*tab{second, guests, chen} {
		p.wait(live)
	}

	asha.enter("#text", "<b>Only for staff</b>")
	second.text("#log", "<b>Only for staff</b>")
	guests.enter("#text", "Welcome, Chen")
	chen.text("#log", "Welcome, Chen")
	chen.text("#log b", "Asha")
	for _, p := range []*tab{guests, chen} {
		if evaluate[bool](p, `document.querySelector('#log').innerText.includes('Only for staff')`) {
			t.Error("one role's room is heard in another's")
		}
	}

	chen.excuse = "403"
	chen.click(`[href="?room=staff"]`)
	chen.text("#log", "You are logged in as Chen, and the staff room is not for you.")
	chen.wait(`document.querySelector('#send').disabled`)
	chen.click(`[href="?room=guest"]`)
	chen.wait(live)

	asha.click("#logout")
	for _, p := range []*tab{asha, second, guests} {
		p.wait(atLogin)
	}
	guests.logIn("asha", "let asha in")
	guests.text("#status", "In the guest room") // where that tab was
	chen.enter("#text", "Welcome back")
	guests.text("#log", "Welcome back")

	// A server comes back that knows nobody.
	for _, p := range []*tab{guests, chen} {
		p.excuse = "ailed"
	}
	s.stop()
	for _, p := range []*tab{guests, chen} {
		p.text("#status", "Offline, trying again")
	}
	start(t, launch{dir: example(t, ""), port: s.port()})
	for _, p := range []*tab{guests, chen} {
		p.wait(atLogin)
	}
}

// A socket ends with its token, and lives on with a fresh one.
func TestBrowserToken(t *testing.T) {
	t.Parallel() // it mostly waits
	s := serve(t, example(t, "token"))
	p := openBrowser(t).openSized(s.url+"/", 390, 760, true)
	p.excuse = "HTTP Authentication failed"
	p.enter("#token", token(t, "--user", "alice", "--for", "1h"))
	p.text("#log", "Hello alice")
	p.text("#status", "Live until")
	p.enter("#text", "<b>hi</b>")
	p.text("#log", "alice says <b>hi</b>")

	p.text("#use", "Renew")
	p.enter("#token", token(t, "--user", "alice", "--for", "20s"))
	p.text("#log", "Renewed until")
	p.text("#log", "The token has expired.")
	p.text("#status", "Not connected")

	p.enter("#token", token(t, "--user", "bob", "--claim", "exp=1"))
	p.text("#log", "Not let in")
	p.enter("#token", token(t, "--user", "bob"))
	p.text("#log", "Hello bob")
	p.enter("#token", token(t, "--user", "alice"))
	p.text("#log", "the token is another user's")
	if strings.Contains(s.log.String(), "eyJ") {
		t.Error("the log has a token")
	}
}

// token makes one for the example, as its README says.
func token(t *testing.T, args ...string) string {
	t.Helper()
	binary, err := raceBinary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(binary, append([]string{"token", example(t, "token")}, args...)...).Output()
	if err != nil {
		t.Fatalf("parley token: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// The seed's page, byte for byte, in two tabs.
func TestSeedBrowserMessages(t *testing.T) {
	dir, ok := seed(t)
	if !ok {
		return
	}
	s := serve(t, dir)
	seedPage(t, s.url)
}

// The same through nginx with the document's configuration.
func TestSeedBrowserNginx(t *testing.T) {
	dir, ok := seed(t)
	if !ok {
		return
	}
	s, port := serve(t, dir), freePort(t)
	config, _ := documented(t, s.url, "listen 127.0.0.1:"+port+";")
	nginx(t, config, port)
	seedPage(t, "http://127.0.0.1:"+port)
}

func seedPage(t *testing.T, url string) {
	t.Helper()
	b := openBrowser(t)
	one, two := b.open(url+"/messages.html"), b.open(url+"/messages.html")
	for _, p := range []*tab{one, two} {
		p.wait(`ws.readyState === WebSocket.OPEN`)
	}
	two.enter("#message", "two is here") // and so has joined, when it shows
	two.text("#chats", "two is here")
	one.enter("#message", "Hello from one")
	one.text("#chats", "Hello from one")
	two.text("#chats", "Hello from one")
	two.enter("#message", "Hello from two")
	one.text("#chats", "Hello from two")
}

// The document's snippet, pasted into the console on the start page, shows the
// server's answer there.
func TestSeedBrowserSnippet(t *testing.T) {
	dir, ok := seed(t)
	if !ok {
		return
	}
	document := read(t, filepath.Join(dir, "../websockethandler.txt"))
	from := strings.Index(document, "// Open the websocket\n")
	to := strings.Index(document, "// ws.close()\n")
	if from < 0 || to < from {
		t.Fatal("the document has no snippet")
	}
	s := serve(t, dir)
	p := openBrowser(t).open(s.url + "/")
	p.text("body", "/pingbot") // the start page links the endpoints
	evaluate[any](p, document[from:to])
	eventually(t, "the answer shows on the console", func() bool {
		for _, m := range p.said() {
			if m.Type == chromedp.ConsoleLog && strings.Contains(m.Text, "Got message: Hello world") {
				return true
			}
		}
		return false
	})
}
