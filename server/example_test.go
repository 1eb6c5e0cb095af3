package server_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/coder/websocket"

	"parley.example/parley"
	"parley.example/parley/server"
)

// A chat room, with a gramex.yaml that names the functions.
func Example() {
	app := server.New("testdata/chat")
	app.Handle("chat.open", func(_ context.Context, c parley.Conn) error {
		return c.Join("lobby")
	})
	app.HandleMessage("chat.say", func(_ context.Context, c parley.Conn, m parley.Message) error {
		return c.Publish("lobby", m)
	})
	talk(app, "/chat", "hello, all")
	// Output: hello, all
}

// An endpoint without a gramex.yaml. The room's name is a part of the path.
func ExampleApp_WebSocket() {
	app := server.New("")
	app.WebSocket(`/room/(?P<name>\w+)`, server.WebSocket{
		Open: func(_ context.Context, c parley.Conn) error {
			return c.Join(c.Request().PathValue("name"))
		},
		Message: func(_ context.Context, c parley.Conn, m parley.Message) error {
			return c.Publish(c.Request().PathValue("name"), m)
		},
		Settings: map[string]any{
			"origins":          []string{"example.com"},
			"max_message_size": "64KiB",
			"idle_timeout":     10 * time.Minute,
		},
	})
	talk(app, "/room/kitchen", "tea?")
	// Output: tea?
}

// An app among the pages of a server that is there already.
func ExampleApp_Start() {
	app := server.New("")
	app.WebSocket("/echo", server.WebSocket{
		Message: func(_ context.Context, c parley.Conn, m parley.Message) error { return c.Send(m) },
	})

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	live, err := app.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the page") })
	mux.Handle("/live/", http.StripPrefix("/live", live))
	web := httptest.NewServer(mux) // or http.ListenAndServe
	defer web.Close()

	exchange(web.URL+"/live/echo", "hello")

	stop() // closes the sockets and waits for what runs
	if err := live.Wait(); err != nil {
		log.Fatal(err)
	}
	// Output: hello
}

// What another part of the program finds out goes to everybody in a room.
func ExampleApp_Publish() {
	app := server.New("")
	app.WebSocket("/news", server.WebSocket{
		Open: func(_ context.Context, c parley.Conn) error {
			if err := c.Join("news"); err != nil {
				return err
			}
			go func() { _ = app.Publish("news", parley.TextMessage("it rains")) }()
			return nil
		},
	})
	talk(app, "/news")
	// Output: it rains
}

// An echo without a goroutine: its function runs where the socket is read.
func ExampleNeverWaits() {
	app := server.New("testdata/chat")
	app.Handle("chat.open", func(context.Context, parley.Conn) error { return nil })
	app.HandleMessage("chat.say", func(_ context.Context, c parley.Conn, m parley.Message) error {
		return c.Send(m)
	}, server.NeverWaits)
	talk(app, "/chat", "hello")
	// Output: hello
}

// A session is shared by all pages and sockets of a browser, and outlives them.
func ExampleApp_session() {
	app := server.New("")
	app.WebSocket("/visits", server.WebSocket{
		Open: func(_ context.Context, c parley.Conn) error {
			var visits int
			if _, err := c.Session().Get("visits", &visits); err != nil {
				return err
			}
			visits++
			if err := c.Session().Set("visits", visits); err != nil {
				return err
			}
			return c.Send(parley.TextMessage(fmt.Sprintf("visit %d", visits)))
		},
	})
	talk(app, "/visits")
	// Output: visit 1
}

// State is what functions keep with the connection.
func ExampleApp_state() {
	app := server.New("")
	app.WebSocket("/count", server.WebSocket{
		Message: func(_ context.Context, c parley.Conn, m parley.Message) error {
			n, _ := c.State()["n"].(int)
			c.State()["n"] = n + 1
			return c.Send(parley.TextMessage(fmt.Sprintf("%d: %s", n+1, m.Text())))
		},
		Close: func(_ context.Context, c parley.Conn, code parley.CloseCode, _ string) error {
			parley.Log(c, fmt.Sprintf("said %v things, closed with %s", c.State()["n"], code))
			return nil
		},
	})
	talk(app, "/count", "hello", "again")
	// Output:
	// 1: hello
	// 2: again
}

// A page that a function answers, with the browser's session.
func ExampleApp_HandleRequest() {
	app := server.New("testdata/page")
	app.HandleRequest("page.hello", func(_ context.Context, c parley.Conn, w http.ResponseWriter) error {
		_, err := fmt.Fprintf(w, "Hello, %s!", c.Request().FormValue("name"))
		return err
	})
	ctx, stop := context.WithCancel(context.Background())
	h, err := app.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/hello?name=Ann", nil))
	fmt.Println(answer.Code, answer.Body)
	stop()
	if err := h.Wait(); err != nil {
		log.Fatal(err)
	}
	// Output: 200 Hello, Ann!
}

// talk runs app, opens a socket at path, and prints what answers each message,
// or what comes by itself if there are none.
func talk(app *server.App, path string, messages ...string) {
	ctx, stop := context.WithCancel(context.Background())
	h, err := app.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	web := httptest.NewServer(h)
	defer web.Close()
	exchange(web.URL+path, messages...)
	stop()
	if err := h.Wait(); err != nil {
		log.Fatal(err)
	}
}

func exchange(url string, messages ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, strings.Replace(url, "http", "ws", 1), &websocket.DialOptions{
		HTTPHeader: http.Header{"Origin": {"https://example.com"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for i := range max(1, len(messages)) {
		if len(messages) > 0 {
			if err := conn.Write(ctx, websocket.MessageText, []byte(messages[i])); err != nil {
				log.Fatal(err)
			}
		}
		_, answer, err := conn.Read(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(answer))
	}
	_ = conn.Close(websocket.StatusNormalClosure, "")
}
