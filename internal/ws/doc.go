// Package ws is the WebSocket engine: handshake, codec, drivers, outbox,
// timers, compression and close handshake, after RFC 6455 and RFC 7692.
//
// Nothing above this package knows frames; this package knows nothing of
// endpoints, functions or YAML. Inside, everything but the drivers does no
// I/O and reads no clock:
//
//	decoder, inbound   octets in → whole, checked messages and control frames
//	Conn               one connection's state: what is handed over, sent, answered, due
//	compressing        its part in permessage-deflate, if it has one
//	outbox             octets out, bounded
//	driver             moves the octets and tells the time: looped on a Loop, or goroutine
//
// A Loop has many connections, a wheel of their alarms, a mailbox of what was
// posted for them, and streams: sockets that are no WebSockets, such as a
// worker's link.
//
// A Conn's input belongs to its driver's reader; all else is guarded by its
// mutex, under which nothing waits.
package ws
