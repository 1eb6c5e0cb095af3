package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A Peer is a server that seems to run on this machine.
type Peer struct {
	PID  string
	path string
}

// ErrGone says that the server has ended, without removing its socket or meanwhile.
var ErrGone = errors.New("the server has ended")

// Peers returns the servers that run with the data folder dir. Some may have
// ended.
func Peers(dir string) ([]Peer, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for servers: %w", err)
	}
	var peers []Peer
	for _, e := range entries {
		name, ours := strings.CutPrefix(e.Name(), before)
		name, too := strings.CutSuffix(name, after)
		if pid, _, ok := strings.Cut(name, "-"); ours && too && ok {
			peers = append(peers, Peer{PID: pid, path: filepath.Join(dir, e.Name())})
		}
	}
	return peers, nil
}

// Revoke makes the server end sessions, and returns how many it knew of. It
// returns when their sockets have been told to close. ErrGone means that
// no server is there any more; what it has left behind is removed.
func (p Peer) Revoke(ctx context.Context, which Sessions) (n int, err error) {
	var answer revoked
	if err := p.post(ctx, revokePath, which, &answer); err != nil {
		return 0, fmt.Errorf("asking the server with process id %s: %w", p.PID, err)
	}
	return answer.Revoked, nil
}

func (p Peer) post(ctx context.Context, path string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://parley"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	transport := &http.Transport{DialContext: p.dial, DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, mostRequest))
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("it says: %s", strings.TrimSpace(string(text)))
	}
	return json.Unmarshal(text, answer)
}

// dial connects to the server's socket. One that nobody listens on was left by a
// process that was killed: it is removed.
func (p Peer) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", p.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, ErrGone
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, errors.Join(ErrGone, os.Remove(p.path))
	}
	return c, err
}
