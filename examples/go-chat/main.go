// Command go-chat is a chat room: whatever one person says, everybody hears.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"parley.example/parley"
	"parley.example/parley/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newApp("gramex.yaml").Run(ctx); err != nil {
		log.Fatal(err)
	}
}

func newApp(path string) *server.App {
	app := server.New(path)
	app.Handle("chat.open", open)
	app.HandleMessage("chat.say", say)
	return app
}

func open(_ context.Context, c parley.Conn) error {
	if err := c.Join("chat"); err != nil { // first: who has been greeted hears everything
		return err
	}
	return c.Send(parley.TextMessage(fmt.Sprintf(`{"you": %q}`, c.ID())))
}

// A line is what one person says. From is ours to say: nobody can speak with
// somebody else's id.
type line struct {
	From string `json:"from"`
	Name string `json:"name"`
	Text string `json:"text"`
}

func say(_ context.Context, c parley.Conn, m parley.Message) error {
	var said line
	if err := json.Unmarshal(m.Data, &said); err != nil {
		return err
	}
	said.From = c.ID().String()
	text, err := json.Marshal(said)
	if err != nil {
		return err
	}
	return c.Publish("chat", parley.TextMessage(string(text)))
}
