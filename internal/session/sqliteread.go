package session

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// maxReaders is how many read at the same time: one connection of the
// database each, and one is left to whoever writes.
const maxReaders = 3

// A reader holds the statements that read. Reading never waits for a writer.
type reader struct {
	turns     chan struct{} // has an element for each that reads now
	values    *sql.Stmt     // of the session, and whether it was destroyed
	destroyed *sql.Stmt
}

// prepare leaves the closing to db.
func (r *reader) prepare(db *sql.DB) (err error) {
	r.turns = make(chan struct{}, maxReaders)
	r.values, err = db.Prepare("SELECT session.destroyed, value.key, value.json " +
		"FROM session LEFT JOIN value USING (id) WHERE id = ?")
	if err != nil {
		return err
	}
	r.destroyed, err = db.Prepare("SELECT EXISTS (SELECT 1 FROM session WHERE id = ? AND destroyed)")
	return err
}

// turn waits until it may read, and returns the context to read with: one that
// does not end, as the driver starts a goroutine for each statement that could
// be cut short.
func (r *reader) turn(ctx context.Context) (context.Context, error) {
	select {
	case r.turns <- struct{}{}:
		return context.WithoutCancel(ctx), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (r *reader) end() { <-r.turns }

// Load implements Store, as do the other methods. What has begun to read is not
// cut short by ctx.
func (s *SQLite) Load(ctx context.Context, id string) (map[string]json.RawMessage, error) {
	values, destroyed, err := s.read.load(ctx, id)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", s.path, err)
	case destroyed:
		return nil, ErrDestroyed
	}
	return values, nil
}

// Destroyed looks for a tombstone.
func (s *SQLite) Destroyed(ctx context.Context, id string) (bool, error) {
	destroyed, err := s.read.isDestroyed(ctx, id)
	if err != nil {
		return false, fmt.Errorf("reading %s: %w", s.path, err)
	}
	return destroyed, nil
}

func (r *reader) isDestroyed(ctx context.Context, id string) (destroyed bool, err error) {
	ctx, err = r.turn(ctx)
	if err != nil {
		return false, err
	}
	defer r.end()
	err = r.destroyed.QueryRowContext(ctx, id).Scan(&destroyed)
	return destroyed, err
}

func (r *reader) load(ctx context.Context, id string) (values map[string]json.RawMessage, destroyed bool, err error) {
	ctx, err = r.turn(ctx)
	if err != nil {
		return nil, false, err
	}
	defer r.end()
	rows, err := r.values.QueryContext(ctx, id)
	if err != nil {
		return nil, false, err
	}
	values, destroyed, err = scan(rows)
	return values, destroyed, errors.Join(err, rows.Close())
}

// scan returns no map if there are no values.
func scan(rows *sql.Rows) (values map[string]json.RawMessage, destroyed bool, err error) {
	for rows.Next() {
		var key sql.NullString // NULL if the session has no values
		var text []byte
		if err := rows.Scan(&destroyed, &key, &text); err != nil {
			return nil, false, err
		}
		if !key.Valid {
			continue
		}
		if values == nil {
			values = map[string]json.RawMessage{}
		}
		values[key.String] = text
	}
	return values, destroyed, rows.Err()
}
