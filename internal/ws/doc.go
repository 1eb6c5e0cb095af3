// Package ws is the WebSocket engine: handshake, codec, drivers, outbox,
// timers and close handshake, after RFC 6455.
//
// Nothing above this package knows frames; this package knows nothing of
// endpoints, functions or YAML.
package ws
