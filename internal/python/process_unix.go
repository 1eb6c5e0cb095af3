//go:build unix

package python

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	linkBuffer = 1 << 20         // octets the socket may hold in each direction, if the system allows
	maxLine    = 8 << 10         // octets of one logged line of standard output or error
	pipeGrace  = 1 * time.Second // for a child that outlives the worker and holds its pipes
)

// osProcess is a process of the operating system. It has a group of its own,
// so that a Ctrl-C in the terminal reaches the server only; on Linux it ends
// with the server, whatever it is doing.
type osProcess struct {
	cmd  *exec.Cmd
	conn *net.UnixConn
	done chan struct{}
	exit string // set before done is closed

	mu     sync.Mutex
	reaped bool // or about to be: its id may belong to somebody else
}

// startProcess starts a worker whose descriptor 3 is its link.
func startProcess(executable string, args []string, dir string, log *slog.Logger) (process, error) {
	conn, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("making a link for the worker: %w", err)
	}
	defer theirs.Close()
	var pipes [2]struct{ r, w *os.File }
	for i := range pipes {
		if pipes[i].r, pipes[i].w, err = os.Pipe(); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("making a pipe for the worker: %w", err)
		}
		defer pipes[i].w.Close()
	}

	cmd := exec.Command(executable, args...)
	cmd.Dir = dir
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stdout, cmd.Stderr = pipes[0].w, pipes[1].w
	cmd.SysProcAttr = processAttributes()
	p := &osProcess{cmd: cmd, conn: conn, done: make(chan struct{})}

	started := make(chan error, 1)
	go func() {
		// The kernel ends the child when the thread that made it ends, so the
		// thread is kept for as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		var output sync.WaitGroup
		for i, name := range []string{"stdout", "stderr"} {
			output.Go(func() { logLines(pipes[i].r, log, name) })
		}
		p.wait()
		for i := range pipes {
			_ = pipes[i].r.SetReadDeadline(time.Now().Add(pipeGrace)) // a pipe takes deadlines
		}
		output.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		_ = conn.Close()
		for i := range pipes {
			pipes[i].r.Close()
		}
		return nil, fmt.Errorf("starting a worker: %w", err)
	}
	return p, nil
}

// socketPair returns the server's end and the worker's.
func socketPair() (*net.UnixConn, *os.File, error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "link"), os.NewFile(uintptr(fds[1]), "link")
	defer ours.Close()
	c, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	conn := c.(*net.UnixConn) // a socket pair of AF_UNIX is nothing else
	for _, fd := range fds {
		// The system may allow less; the link then takes more and smaller writes.
		_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_SNDBUF, linkBuffer)
		_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, linkBuffer)
	}
	return conn, theirs, nil
}

// wait waits for the end, ends what is left of the group, and reaps.
func (p *osProcess) wait() {
	if waitUnreaped(p.cmd.Process.Pid) {
		p.Kill()
		p.setReaped()
	}
	err := p.cmd.Wait()
	p.setReaped()
	if p.cmd.ProcessState != nil {
		p.exit = p.cmd.ProcessState.String()
	} else {
		p.exit = err.Error()
	}
}

func (p *osProcess) setReaped() {
	p.mu.Lock()
	p.reaped = true
	p.mu.Unlock()
}

func (p *osProcess) Link() net.Conn { return p.conn }

func (p *osProcess) PID() int { return p.cmd.Process.Pid }

// Dump does nothing while the interpreter is still starting: the signal would
// end it.
func (p *osProcess) Dump() {
	if catches(p.cmd.Process.Pid, syscall.SIGUSR1) {
		_ = p.cmd.Process.Signal(syscall.SIGUSR1) // it may have ended meanwhile
	}
}

func (p *osProcess) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // it may have ended meanwhile
	}
}

func (p *osProcess) Done() <-chan struct{} { return p.done }

func (p *osProcess) Exit() string { return p.exit }

// logLines logs r line by line until it ends, and closes it. A long line is
// cut.
func logLines(r *os.File, log *slog.Logger, stream string) {
	defer r.Close()
	lines := bufio.NewReaderSize(r, maxLine)
	inside := false // a line of which the first part has been logged
	for {
		text, err := lines.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		if line := strings.TrimRight(string(text), "\r\n"); !inside && line != "" {
			if long {
				line = strings.ToValidUTF8(line, "") + "…"
			}
			log.Info(line, "stream", stream)
		}
		if err != nil && !long {
			return
		}
		inside = long
	}
}
