// Package session keeps the browser's HTTP session: its id in a signed cookie,
// its values in one live object per id while a connection or request holds it,
// and behind that in a store.
//
// Whoever changes a session never waits for the store: one goroutine writes
// behind, in batches.
package session
