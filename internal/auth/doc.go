// Package auth answers two questions about a request: who is this, and may
// they in.
//
// It reads origins, passwords, tokens and tickets, and compares users with
// rules. It knows neither YAML nor sessions nor sockets.
package auth
