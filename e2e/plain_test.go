package e2e_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

func TestPlainPingbot(t *testing.T) {
	s := serve(t, example(t, ""))
	c := s.dial("/pingbot/socket")
	for _, text := range []string{"Hello", "", "grüß dich 🙂", strings.Repeat("x", 100_000)} {
		c.say(text)
		c.expect("Got message: " + text)
	}
	want := []byte{0, 1, 0xff, 0xfe}
	if err := c.Write(t.Context(), websocket.MessageBinary, want); err != nil {
		t.Fatal(err)
	}
	if kind, got, err := c.Read(t.Context()); err != nil || kind != websocket.MessageBinary || !bytes.Equal(got, want) {
		t.Errorf("got %v %x (%v), want binary %x", kind, got, err, want)
	}
	s.logged(regexp.MustCompile(`Opened for \S`))
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("closing: %v", err)
	}
	s.logged(regexp.MustCompile(`Closed for \S`))
}

func TestPlainChat(t *testing.T) {
	type said struct {
		You, From, Name, Text string
	}
	s := serve(t, example(t, ""))
	hear := func(c *socket) (m said) {
		if text := c.hear(); json.Unmarshal([]byte(text), &m) != nil {
			t.Fatalf("not JSON: %q", text)
		}
		return m
	}
	asha, ben := s.dial("/chat/socket"), s.dial("/chat/socket")
	me, other := hear(asha).You, hear(ben).You
	if me == "" || me == other {
		t.Fatalf("ids %q and %q, want two different ones", me, other)
	}
	asha.say(`{"name": "Asha", "text": "Hello <Ben>"}`)
	want := said{From: me, Name: "Asha", Text: "Hello <Ben>"}
	if got := hear(ben); got != want {
		t.Errorf("ben heard %+v, want %+v", got, want)
	}
	if got := hear(asha); got != want {
		t.Errorf("asha heard %+v, want %+v", got, want)
	}

	asha.say("this is no JSON")
	if code := asha.closed(); code != 1011 {
		t.Errorf("a message that the function cannot read closed with %d, want 1011", code)
	}
	s.logged(regexp.MustCompile(`JSONDecodeError`))
	ben.say(`{"name": "Ben", "text": "still here"}`)
	if got := hear(ben); got.Text != "still here" {
		t.Errorf("ben heard %+v of himself", got)
	}
}

func TestPlainIdlebot(t *testing.T) {
	t.Parallel() // it mostly waits
	type said struct {
		Text    string
		Unasked bool
	}
	s := serve(t, example(t, ""))
	hear := func(c *socket) (m said) {
		if text := c.hear(); json.Unmarshal([]byte(text), &m) != nil {
			t.Fatalf("not JSON: %q", text)
		}
		return m
	}
	gone, silent := s.dial("/idlebot/socket"), s.dial("/idlebot/socket")
	hear(gone)
	hear(silent)
	gone.say("rain")
	if got := hear(gone); got.Unasked || !strings.Contains(got.Text, "rain") {
		t.Errorf("the answer to rain is %+v", got)
	}
	if err := gone.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("closing: %v", err)
	}
	for range 3 { // longer than any silence of the other lasts
		if got := hear(silent); !got.Unasked || got.Text == "" {
			t.Errorf("to somebody silent the bot said %+v, want something unasked", got)
		}
	}
	if log := s.log.String(); strings.Contains(log, "WebSocketClosedError") {
		t.Error("the timer of a closed connection went on")
	}
}

// The seed's files, byte for byte, by a plain client.
func TestSeedPlain(t *testing.T) {
	dir, ok := seed(t)
	if !ok {
		return
	}
	s := serve(t, dir)
	bot := s.dial("/pingbot")
	s.logged(regexp.MustCompile(`Chatbot opened for \S`))
	bot.say("Hello world")
	bot.expect("Got message: Hello world")
	s.logged(regexp.MustCompile(`Got message Hello world for \S`))
	if err := bot.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("closing: %v", err)
	}
	s.logged(regexp.MustCompile(`Chatbot closed for \S`))

	one, two := s.dial("/messages"), s.dial("/messages")
	two.say("two is here") // and so has joined, when it hears this
	two.until("two is here")
	one.say("Hello, room")
	one.until("Hello, room")
	two.until("Hello, room")
}

// A session outlives the server: the cookie and the values are good for the
// next process.
func TestSessionOverRestart(t *testing.T) {
	dir := app(t, map[string]string{
		"gramex.yaml": `
url:
  count:
    pattern: /count
    handler: WebSocketHandler
    kwargs:
      open: {function: count.open}
`,
		"count.py": `
def open(handler):
    handler.session['visits'] = handler.session.get('visits', 0) + 1
    handler.write_message(str(handler.session['visits']))
`,
	})
	data := t.TempDir()
	s := start(t, launch{dir: dir, data: data})
	c := s.dial("/count")
	c.expect("1")
	cookies := c.response.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("the 101 sets the cookies %v, want one", cookies)
	}
	cookie := map[string][]string{"Cookie": {cookies[0].Name + "=" + cookies[0].Value}}
	s.stop()

	s = start(t, launch{dir: dir, data: data})
	c, err := s.try("/count", cookie)
	if err != nil {
		t.Fatal(err)
	}
	c.expect("2")
}

// Saving a .py changes what open sockets meet; saving a broken one does not.
func TestReloadKeepsSockets(t *testing.T) {
	answer := func(expression string) string {
		return `
seen = {}

def on_message(handler, message):
    seen[message] = seen.get(message, 0) + 1
    handler.write_message(` + expression + `)
`
	}
	dir := app(t, map[string]string{
		"gramex.yaml": `
url:
  talk:
    pattern: /talk
    handler: WebSocketHandler
    kwargs:
      on_message: {function: talk.on_message}
`,
		"talk.py": answer(`'first'`),
	})
	path := filepath.Join(dir, "talk.py")
	s := serve(t, dir)
	c := s.dial("/talk")
	c.say("x")
	c.expect("first")
	becomes := func(want string) {
		t.Helper()
		eventually(t, "the answer is "+want, func() bool {
			c.say("poll")
			return c.hear() == want
		})
	}

	write(t, path, answer(`'second'`))
	becomes("second")

	write(t, path, "def on_message(handler, message:\n")
	s.logged(regexp.MustCompile(`SyntaxError`))
	c.say("x")
	c.expect("second")

	write(t, path, answer(`'third ' + str(seen['x'])`))
	eventually(t, "the repaired module answers", func() bool {
		c.say("poll")
		return strings.HasPrefix(c.hear(), "third")
	})
	c.say("x")
	c.expect("third 3") // seen has lived through all of it

	// Editors often write a new file and rename it over the old one.
	if err := os.WriteFile(path+".tmp", []byte(answer(`'fourth'`)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		t.Fatal(err)
	}
	becomes("fourth")
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("the socket had not stayed open: %v", err)
	}
}

// Every folder of examples/ stands on the page that lists them, has what an
// example has, and shares the look. A Go program is a server by itself.
func TestExamplesAreListed(t *testing.T) {
	index, look := read(t, example(t, "index.html")), read(t, example(t, "style.css"))
	imports := read(t, example(t, "gramex.yaml"))
	entries, err := os.ReadDir(example(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, entry := range entries {
		name := entry.Name()
		if !entry.IsDir() || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "__") {
			continue
		}
		count++
		link := name + "/"
		_, err := os.Stat(example(t, name+"/main.go"))
		if program := err == nil; program {
			link += "README.md"
		} else if !strings.Contains(imports, name+"/gramex.yaml") {
			t.Errorf("examples/gramex.yaml does not import %s", name)
		}
		if !strings.Contains(index, `href="`+link+`"`) {
			t.Errorf("examples/index.html does not list %s", name)
		}
		for _, file := range []string{"gramex.yaml", "index.html", "README.md"} {
			read(t, example(t, name+"/"+file))
		}
		if read(t, example(t, name+"/style.css")) != look {
			t.Errorf("examples/%s/style.css differs from examples/style.css: the examples share one look", name)
		}
	}
	if count < 4 {
		t.Errorf("found %d examples, want at least 4", count)
	}
}
