package ws_test

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/ws"
	"parley.example/parley/internal/ws/wstest"
)

// When no descriptor is left, a connection that is here gets a goroutine; when
// there are some again, the next lives on a loop.
func TestNoDescriptorIsLeft(t *testing.T) {
	plenty := func() func() { return func() {} }
	for _, tc := range []struct {
		name    string
		running bool // the loop
		left    int  // descriptors
	}{
		{"while the loop runs", true, 0},
		{"before it runs", false, 0},
		{"none for epoll", false, 1},
		{"none for the bell", false, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := ws.New(ws.Options{Driver: ws.Epoll, Loops: 1, MaxConns: 100})
			if tc.running && !onLoop(t, e, plenty) {
				t.Error("with descriptors, a connection is on no loop")
			}
			if onLoop(t, e, func() func() { return takeDescriptors(t, tc.left) }) {
				t.Error("without a descriptor, a connection is on a loop")
			}
			if !onLoop(t, e, plenty) {
				t.Error("with descriptors again, a connection is on no loop")
			}
			if err := e.Shutdown(t.Context(), parley.CloseGoingAway, "", 0); err != nil {
				t.Error(err)
			}
		})
	}
	noneLeft(t)
}

// onLoop starts a connection after before, and ends it after what before
// returned. It must work wherever it lives.
func onLoop(t *testing.T, e *ws.Engine, before func() (after func())) bool {
	t.Helper()
	h := &wstest.Recorder{Then: func(c *ws.Conn, line string) {
		if line == `text "x"` {
			_ = c.Send(parley.Text, []byte("y"))
		}
	}}
	server, client := tcpPair(t)
	peer := wstest.NewPeer(t, client)
	after := before()
	c, err := e.Adopt(server, nil, ws.Accept{Handler: h})
	if err != nil {
		after()
		t.Fatal(err)
	}
	peer.Send(wstest.Text("x"))
	peer.Expect(`text "y"`)
	after()
	peer.Send(wstest.Close(1000, ""))
	peer.Expect(`close 1000 ""`, "end")
	client.Close()
	h.Expect(t, "open", `text "x"`, `close 1000 ""`)
	return c.Loop() != nil
}

// takeDescriptors leaves the process so many.
func takeDescriptors(t *testing.T, left int) (giveBack func()) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	lower := limit
	lower.Cur = min(limit.Cur, 1000)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lower); err != nil {
		t.Fatal(err)
	}
	var files []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if errors.Is(err, syscall.EMFILE) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	for range left {
		files[0].Close()
		files = files[1:]
	}
	return func() {
		for _, f := range files {
			f.Close()
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
	}
}
