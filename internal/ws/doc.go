// Package ws is the WebSocket engine: handshake, codec, drivers, outbox,
// timers and close handshake, after RFC 6455.
//
// Nothing above this package knows frames; this package knows nothing of
// endpoints, functions or YAML. Inside, everything but the drivers does no
// I/O and reads no clock:
//
//	decoder, inbound   octets in → whole, checked messages and control frames
//	Conn               one connection's state: what is handed over, sent, answered, due
//	outbox             octets out, bounded
//	driver             moves the octets and tells the time (goroutine, over a socket)
//
// A Conn's input belongs to its driver's reader; all else is guarded by its
// mutex, under which nothing waits.
package ws
