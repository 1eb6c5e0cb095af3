// Package parleytest tests an app from Go: it starts the app in the test's
// process, on a free port, and talks to it as browsers do.
//
//	func TestBothHearIt(t *testing.T) {
//		app := parleytest.Start(t, "chat")
//		ann, bob := app.Dial(t, "/socket"), app.Dial(t, "/socket")
//		ann.Send("hello")
//		ann.Expect("hello")
//		bob.Expect("hello")
//	}
//
// What goes otherwise than wanted ends the test, with the transcript of that
// client: what it sent and what it got, in order.
//
// The same can be written in YAML, for parley test: docs/guide/testing.md.
package parleytest
