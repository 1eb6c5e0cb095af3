//go:build !linux || !(amd64 || arm64)

package ws

import (
	"errors"
	"net"
)

// HaveLoops says whether the epoll driver exists on this system and processor.
const HaveLoops = false

// A Loop does not exist on this system.
type Loop struct{ counts counters }

func newLoop(*Engine) *Loop { return &Loop{} }

func (l *Loop) take(net.Conn, []byte) (*Conn, func()) { return nil, nil }

func (l *Loop) all() []*Conn { return nil }

func (l *Loop) stop() {}

func (l *Loop) join() {}

// Attach does not work here.
func (l *Loop) Attach(net.Conn, Tenant) (Stream, error) { return nil, errors.ErrUnsupported }

// Post does not work here: nothing lives on a loop.
func (l *Loop) Post(Receiver, any) {}

// Settle has nothing to wait for.
func (l *Loop) Settle() {}
