// Package control is how a command reaches the servers that run on this machine
// with the same data folder: by HTTP over a unix socket in it, one for each
// server, that only the server's user can open.
package control
