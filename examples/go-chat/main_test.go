package main

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestWhatOnePersonSaysEverybodyHears(t *testing.T) {
	app := newApp("gramex.yaml")
	app.DataDir = t.TempDir()
	running, stop := context.WithCancel(context.Background())
	h, err := app.Start(running)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(h)
	defer func() {
		stop()
		if err := h.Wait(); err != nil {
			t.Error(err)
		}
		web.Close()
	}()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	expect := func(conn *websocket.Conn, want string) {
		t.Helper()
		if _, got, err := conn.Read(ctx); err != nil || string(got) != want {
			t.Errorf("read %q, %v; want %q", got, err, want)
		}
	}
	var people []*websocket.Conn
	for _, id := range []string{"1", "2"} {
		conn, _, err := websocket.Dial(ctx, web.URL+"/socket", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.CloseNow() }()
		expect(conn, `{"you": "`+id+`"}`)
		people = append(people, conn)
	}
	if err := people[0].Write(ctx, websocket.MessageText, []byte(`{"from": "2", "name": "Ann", "text": "hello"}`)); err != nil {
		t.Fatal(err)
	}
	for _, conn := range people {
		expect(conn, `{"from":"1","name":"Ann","text":"hello"}`)
	}
}
