package session

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// ErrDestroyed says that the session was destroyed; its id is never used again.
var ErrDestroyed = errors.New("session destroyed")

// A Store keeps sessions by id. All methods are safe for concurrent use, and
// ctx bounds how long they wait.
type Store interface {
	// Load returns the values of a session: none, and no error, if the store
	// does not know the id, ErrDestroyed if it was destroyed. The caller owns
	// the map.
	Load(ctx context.Context, id string) (map[string]json.RawMessage, error)

	// Destroyed reports whether Load would return ErrDestroyed, without reading
	// values.
	Destroyed(ctx context.Context, id string) (bool, error)

	// Save applies all changes, in order, or none of them. It keeps nothing
	// of their maps.
	Save(ctx context.Context, changes []Change) error

	// Each calls fn for every session that has values, in no order, until fn
	// returns an error, which Each then returns as it is. What is saved
	// meanwhile may be seen or not; a session is seen whole, and once. fn owns
	// the map and may use the store.
	Each(ctx context.Context, fn func(Stored) error) error

	// Purge forgets what expired before now, and returns how many sessions.
	Purge(ctx context.Context, now time.Time) (int, error)

	// Close gives back what the store holds open. Nothing is called after it.
	Close() error
}

// Stored is what a store has of one session.
type Stored struct {
	ID      string
	Expires time.Time // when the store may forget it, to the millisecond
	Values  map[string]json.RawMessage
}

// A Change is what happened to one session since it was last saved. Expires
// moves the time at which the store may forget the session, never back; for
// a Change without values it does so only if the store knows the id.
type Change struct {
	ID      string
	Expires time.Time

	// Values are the keys that were set; a nil value deletes the key. They
	// are ignored for a destroyed session.
	Values map[string]json.RawMessage

	// Destroy forgets all values and makes Load answer ErrDestroyed until the
	// session expires.
	Destroy bool
}
