package parleytest_test

import (
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/parleytest"
	"parley.example/parley/server"
)

var t *testing.T // that a test is given

func Example() {
	app := parleytest.Start(t, "examples/chat")
	ann, bob := app.Dial(t, "/socket"), app.Dial(t, "/socket")
	ann.ExpectJSON(parleytest.Has(map[string]any{"you": parleytest.Any("text")}))
	bob.ExpectJSON(map[string]any{"you": parleytest.Match(`^\d+$`)})

	ann.SendJSON(map[string]any{"name": "Ann", "text": "hello"})
	for _, c := range []*parleytest.Client{ann, bob} {
		c.ExpectJSON(parleytest.Has(map[string]any{"name": "Ann", "text": "hello"}))
	}
}

func ExampleStart() {
	parleytest.Start(t, "examples/chat", func(opt *server.Options) {
		opt.Overrides = append(opt.Overrides, server.Override{Key: "python.executable", Value: "python3.12"})
	})
}

func ExampleApp_Session() {
	app := parleytest.Start(t, "shop")
	ann := app.Session(t, map[string]any{"user": "ann"})
	tab1, tab2 := app.Dial(t, "/shop", ann), app.Dial(t, "/shop", ann)
	tab1.Send("tea")
	tab1.Expect("1 in your cart")
	tab2.Send("cups")
	tab2.Expect("2 in your cart")
}

func ExampleApp_Refuses() {
	app := parleytest.Start(t, "examples/pingbot")
	app.Refuses(t, "/socket", 403, parleytest.Origin("https://evil.example"))
}

func ExampleClient_ExpectClose() {
	bot := parleytest.Start(t, "bot").Dial(t, "/bot")
	bot.Send("end")
	if reason := bot.ExpectClose(parley.CloseCode(4001)); reason != "enough" {
		t.Errorf("reason = %q, want enough", reason)
	}
}

func ExampleClient_Within() {
	bot := parleytest.Start(t, "examples/idlebot").Dial(t, "/socket")
	bot.ExpectMatch("Hello")
	bot.ExpectSilence(time.Second)
	bot.Within(20 * time.Second).ExpectMatch("unasked")
}
