package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// live says that an example's page has its socket.
const live = `document.querySelector('#status').dataset.state === 'live'`

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
