// Package gofunc is the runtime of Go functions: those that a program
// registers under names such as chat.open, and the built-ins that a YAML names
// under parley.: parley.echo and parley.room("name").
//
// Built-ins and functions that are marked as never waiting run on whoever
// calls the stream. All others run on a goroutine of their connection, which is
// there only while there is something to do: one that waits delays no other.
package gofunc
