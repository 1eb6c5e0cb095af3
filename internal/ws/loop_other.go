//go:build !linux

package ws

import "net"

const haveLoops = false

// A Loop does not exist on this system.
type Loop struct{ counts counters }

func newLoop(*Engine) *Loop { return &Loop{} }

func (l *Loop) take(net.Conn, []byte) (*Conn, func()) { return nil, nil }

func (l *Loop) all() []*Conn { return nil }

func (l *Loop) stop() {}
