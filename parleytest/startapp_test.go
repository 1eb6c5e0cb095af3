package parleytest_test

import (
	"context"
	"testing"

	"parley.example/parley"
	"parley.example/parley/parleytest"
	"parley.example/parley/server"
)

// A Go program's app is started with its own functions, and its sessions can be
// made.
func TestStartApp(t *testing.T) {
	app := server.New("")
	app.WebSocket("/who", server.WebSocket{Open: func(_ context.Context, c parley.Conn) error {
		var name string
		if _, err := c.Session().Get("name", &name); err != nil {
			return err
		}
		return c.Send(parley.TextMessage(name))
	}})
	running := parleytest.StartApp(t, app)
	c := running.Dial(t, "/who", running.Session(t, map[string]any{"name": "Ann"}))
	c.Expect("Ann")
}
