// Package gofunc is the runtime of Go functions. It holds the built-ins that a
// YAML names under parley.: parley.echo and parley.room("name").
//
// Built-ins never wait, so they run on whoever calls the stream.
package gofunc
