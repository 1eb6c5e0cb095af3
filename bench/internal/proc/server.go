// Package proc runs the servers that are measured, each bound to its cores,
// and reads what they use from /proc.
package proc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 10 * time.Second
)

// A Command says how to start a server. In Args, {port} stands for the port it
// is to listen on.
type Command struct {
	Args []string
	Dir  string
	Env  []string // added to our own
	Log  string   // file that takes what it prints
}

// A Server is one that runs.
type Server struct {
	Addr netip.AddrPort

	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	log  string
}

// Start runs c on these cores with as many Go threads, and waits until it
// listens.
func Start(ctx context.Context, c Command, cores []int) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	var list []string
	for _, core := range cores {
		list = append(list, strconv.Itoa(core))
	}
	args := []string{"-c", strings.Join(list, ",")}
	for _, arg := range c.Args {
		args = append(args, strings.ReplaceAll(arg, "{port}", strconv.Itoa(int(port))))
	}
	log, err := os.Create(c.Log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s := &Server{
		Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port),
		cmd:  exec.Command("taskset", args...), // which becomes the server
		done: make(chan struct{}),
		log:  c.Log,
	}
	s.cmd.Dir = c.Dir
	s.cmd.Env = append(append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(len(cores))), c.Env...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.Args[0], err)
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.done)
	}()
	if err := s.waitListening(ctx); err != nil {
		s.Stop()
		return nil, fmt.Errorf("starting %s: %w%s", c.Args[0], err, s.lastLines())
	}
	return s, nil
}

// freePort returns one that nobody listens on. It is not among those that the
// system gives to clients, so no connection gets it meanwhile.
func freePort() (uint16, error) {
	const tries = 100
	for range tries {
		port := 19_000 + rand.N(10_000)
		if l, err := net.Listen("tcp4", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			return uint16(port), l.Close()
		}
	}
	return 0, fmt.Errorf("%d ports in use", tries)
}

func (s *Server) waitListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if conn, err := net.Dial("tcp4", s.Addr.String()); err == nil {
			return conn.Close()
		}
		select {
		case <-s.done:
			return fmt.Errorf("it ended: %s", s.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("waiting until it listens: %w", ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// lastLines returns the end of the server's log, as part of an error.
func (s *Server) lastLines() string {
	b, err := os.ReadFile(s.log)
	if err != nil || len(b) == 0 {
		return ""
	}
	return "; its log ends with:\n" + string(b[max(0, len(b)-1000):])
}

// Explain adds to the error of a measurement what the server has to say to it.
// If the server has ended there is always an error: somebody else may have
// answered on its address.
func (s *Server) Explain(err error) error {
	select {
	case <-s.done:
		err = errors.Join(err, fmt.Errorf("the server ended: %s", s.cmd.ProcessState))
	default:
	}
	if err != nil {
		err = fmt.Errorf("%w%s", err, s.lastLines())
	}
	return err
}

// Stop ends the server and its children: politely, then not.
func (s *Server) Stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(stopTimeout):
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // its group
	<-s.done
}

// PID returns the server's process.
func (s *Server) PID() int { return s.cmd.Process.Pid }
