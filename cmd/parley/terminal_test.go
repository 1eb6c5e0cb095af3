package main

import (
	"io"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strconv"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/term"
)

// A screen is a pseudo-terminal with parley in it.
type screen struct {
	cmd    *exec.Cmd
	keys   *os.File
	before *term.State
	shown  logBuffer     // since the last match
	exited chan struct{} // closed when parley has ended and all is shown
}

func cmdTerminal(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command(program(ts, "parley"), args...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(environment(ts), "TERM=xterm", "NO_COLOR="+ts.Getenv("NO_COLOR"), "XDG_CACHE_HOME="+ts.MkAbs(".cache"))
	keys, tty, err := pty.Open()
	ts.Check(err)
	ts.Check(pty.Setsize(keys, &pty.Winsize{Rows: 24, Cols: 80}))
	before, err := term.GetState(int(tty.Fd()))
	ts.Check(err)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	ts.Check(cmd.Start())
	tty.Close()
	s := &screen{cmd: cmd, keys: keys, before: before, exited: make(chan struct{})}
	storyOf(ts).screen = s
	go func() {
		_, _ = io.Copy(&s.shown, keys) // until nobody has the terminal
		_ = cmd.Wait()
		close(s.exited)
	}()
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		<-s.exited
		keys.Close()
		ts.Logf("the terminal shows at last:\n%q", s.shown.String())
	})
}

func cmdType(ts *testscript.TestScript, _ bool, args []string) {
	text, err := strconv.Unquote(`"` + args[0] + `"`)
	ts.Check(err)
	_, err = io.WriteString(storyOf(ts).screen.keys, text)
	ts.Check(err)
}

func cmdScreen(ts *testscript.TestScript, _ bool, args []string) {
	s := storyOf(ts).screen
	re := regexp.MustCompile(args[0])
	if s.shown.waitFor(re, s.exited) == nil {
		ts.Fatalf("screen: nothing matches %q in:\n%q", args[0], s.shown.String())
	}
	s.shown.dropThrough(re)
}

// dropThrough forgets the text up to the end of the first match.
func (b *logBuffer) dropThrough(re *regexp.Regexp) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Next(re.FindIndex(b.text.Bytes())[1])
}

func cmdEnded(ts *testscript.TestScript, _ bool, args []string) {
	s := storyOf(ts).screen
	select {
	case <-s.exited:
	case <-time.After(patience):
		ts.Fatalf("ended: still running; the terminal shows:\n%q", s.shown.String())
	}
	if got := strconv.Itoa(s.cmd.ProcessState.ExitCode()); got != args[0] {
		ts.Fatalf("ended: with status %s, want %s; the terminal shows:\n%q", got, args[0], s.shown.String())
	}
	after, err := term.GetState(int(s.keys.Fd()))
	ts.Check(err)
	if !reflect.DeepEqual(after, s.before) {
		ts.Fatalf("ended: the terminal is left changed: %+v, was %+v", after, s.before)
	}
}
