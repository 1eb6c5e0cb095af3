package parleytest_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/parleytest"
	"parley.example/parley/server"
)

func TestWhatAClientCanDo(t *testing.T) {
	app := parleytest.Start(t, "testdata/chat")
	if !strings.HasPrefix(app.URL(), "http://127.0.0.1:") {
		t.Errorf("URL = %q", app.URL())
	}

	ann := app.Session(t, map[string]any{"name": "Ann", "cart": []string{"tea"}})
	c := app.Dial(t, "/chat", ann, parleytest.Subprotocols("v1", "v2"), parleytest.Origin("http://localhost:8080"))
	if c.Subprotocol() != "v2" {
		t.Errorf("subprotocol = %q, want v2", c.Subprotocol())
	}
	other := app.Dial(t, "/chat", ann)
	c.Send("hello")
	c.ExpectJSON(parleytest.Has(map[string]any{"who": "Ann", "said": parleytest.Match("^h")}))
	if m := other.Next(); m.Kind != parley.Text || !bytes.Contains(m.Data, []byte("hello")) {
		t.Errorf("next = %v %s", m.Kind, m.Data)
	}
	other.Close(parley.CloseNormal, "bye")
	c.ExpectSilence(10 * time.Millisecond)
	c.Send("end")
	if reason := c.ExpectClose(4001); reason != "enough" {
		t.Errorf("reason = %q, want enough", reason)
	}

	b := app.Dial(t, "/bytes")
	b.SendBinary([]byte{0, 255})
	b.Within(time.Minute).ExpectBinary([]byte{0, 255})
	b.SendJSON([]int{1})
	b.ExpectBinary([]byte("[1]"))

	status, body := app.Get(t, "/cart", ann, parleytest.Header("Accept-Language", "de"), parleytest.Cookie("theme", "dark"))
	if want := `{"cart": ["tea"], "language": "de", "theme": "dark"}`; status != 200 || body != want {
		t.Errorf("GET /cart: %d %s, want 200 %s", status, body, want)
	}
}

// A fakeT is a test that may fail.
type fakeT struct {
	testing.TB
	said string
}

func (t *fakeT) Helper() {}

func (t *fakeT) Fatalf(format string, args ...any) {
	t.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// failing runs test, which is to fail, and returns what it says.
func failing(t *testing.T, test func(t testing.TB)) string {
	t.Helper()
	fake := &fakeT{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(fake)
	}()
	<-done
	return fake.said
}

func TestFailuresShowTheTranscript(t *testing.T) {
	app := parleytest.Start(t, "testdata/chat")
	for _, tt := range []struct {
		name string
		test func(t testing.TB)
		want string
	}{
		{"another message", func(t testing.TB) {
			c := app.Dial(t, "/bytes", parleytest.Origin("http://localhost"))
			c.Send("hi")
			c.Expect("ho")
		}, `expect
wanted: text ho
came:   binary 6869
what happened:
  dial /bytes, origin http://localhost
  > hi
  < binary 6869`},
		{"nothing", func(t testing.TB) {
			c := app.Dial(t, "/chat").Within(10 * time.Millisecond)
			c.Next()
		}, `next
wanted: a message
came:   nothing in 10ms
what happened:
  dial /chat`},
		{"the end", func(t testing.TB) {
			c := app.Dial(t, "/chat")
			c.Send("end")
			c.ExpectJSON(nil)
		}, `expect
wanted: JSON null
came:   close 4001 "enough"
what happened:
  dial /chat
  > end
  < close 4001 "enough"`},
		{"refused", func(t testing.TB) {
			app.Dial(t, "/nowhere")
		}, `dial /nowhere
wanted: an open socket
came:   a refusal with 404 `},
		{"not refused", func(t testing.TB) {
			app.Refuses(t, "/chat", 403)
		}, `dial /chat
wanted: a refusal with 403
came:   an open socket
what happened:
  dial /chat
  > close 1000`},
		{"no such app", func(t testing.TB) {
			parleytest.Start(t, "testdata/nothing", func(opt *server.Options) { opt.Version = "test" })
		}, `starting the app testdata/nothing:
testdata/nothing: no such file or folder`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := failing(t, tt.test); !strings.HasPrefix(got, tt.want) {
				t.Errorf("it said:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}

func TestAnyTakesKindsOnly(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	parleytest.Any("nubmer")
}
