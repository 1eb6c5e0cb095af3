// Package login has the endpoints by which people say who they are, SimpleAuth,
// and end that, Logout.
//
// SimpleAuth knows its users by name and password. It logs them in to a session
// with a new id and gives the browser that; what a user may do is decided
// elsewhere (internal/auth).
package login
