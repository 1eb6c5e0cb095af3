//go:build amd64 || arm64

package ws

import (
	"os"
	"testing"
)

// Who has seen the loop sleep, and comes to ring when it has ended, does not
// write to the file that has its bell's descriptor by then.
func TestLateRing(t *testing.T) {
	l := New(Options{Driver: Epoll, Loops: 1}).Loop(0)
	if err := l.start(); err != nil {
		t.Fatal(err)
	}
	l.stop()
	<-l.ended
	var files []*os.File
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	var heir *os.File
	for heir == nil && len(files) < 100 {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		if int(f.Fd()) == l.poll.bell {
			heir = f
		}
	}
	if heir == nil {
		t.Fatalf("no file got descriptor %d", l.poll.bell)
	}
	l.asleep.Store(true)
	l.rouse()
	if info, err := heir.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("the bell has written %d octets to another file (%v)", info.Size(), err)
	}
}
