package parley

import "encoding/json"

// A SharedSession is the browser's HTTP session as the server's own parts see
// it: JSON values by key, kept on the server under an id that the browser holds
// in a cookie. There is one live object per id in a process while anything holds
// it, shared by every connection and request of that browser.
//
// All methods are safe for concurrent use and never wait for a store.
type SharedSession interface {
	// ID is the session's id. It never changes under a connection.
	ID() string

	// Values returns a copy of the map; the JSON texts in it are shared and
	// must not be changed.
	Values() map[string]json.RawMessage

	// Update sets and deletes keys in one step and gives the change its place
	// in the session's order. by is the Watcher whose own change this is, or
	// nil; every watcher hears of the change, by included.
	Update(change SessionChange, by SessionWatcher)

	// Watch makes w hear every later change, in order, until stop is called.
	// A watcher that is watching already is not told twice; it goes on until
	// as many stops were called as watches.
	// It returns the values as they are at that point of the order.
	Watch(w SessionWatcher) (values map[string]json.RawMessage, stop func())
}

// A SessionChange is a set of keys to set and to delete. It is not changed
// once it has been handed over.
type SessionChange struct {
	Set    map[string]json.RawMessage
	Delete []string
}

// A SessionWatcher hears of changes to sessions it watches. Its dynamic type
// must be comparable.
type SessionWatcher interface {
	// SessionChanged is called in the session's order and must not wait, nor
	// call the session. own says that the change came from this watcher.
	SessionChanged(id string, change SessionChange, own bool)
}
