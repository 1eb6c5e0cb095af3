package session

import (
	"context"
	"database/sql"
)

// A writer holds the statements of one transaction that saves changes.
type writer struct {
	destroyed, extend, create, destroy *sql.Stmt
	set, unset, unsetAll, prune        *sql.Stmt
}

func newWriter(ctx context.Context, tx *sql.Tx) (*writer, error) {
	w := &writer{}
	for _, s := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&w.destroyed, "SELECT EXISTS (SELECT 1 FROM session WHERE id = ? AND destroyed)"},
		{&w.extend, "UPDATE session SET expires = max(expires, ?2) WHERE id = ?1"},
		{&w.create, "INSERT INTO session (id, expires) VALUES (?1, ?2) " +
			"ON CONFLICT (id) DO UPDATE SET expires = max(expires, excluded.expires)"},
		{&w.destroy, "INSERT INTO session (id, expires, destroyed) VALUES (?1, ?2, 1) " +
			"ON CONFLICT (id) DO UPDATE SET expires = max(expires, excluded.expires), destroyed = 1"},
		{&w.set, "INSERT INTO value (id, key, json) VALUES (?1, ?2, ?3) " +
			"ON CONFLICT (id, key) DO UPDATE SET json = excluded.json"},
		{&w.unset, "DELETE FROM value WHERE id = ?1 AND key = ?2"},
		{&w.unsetAll, "DELETE FROM value WHERE id = ?1"},
		{&w.prune, "DELETE FROM session WHERE id = ?1 AND NOT destroyed " +
			"AND NOT EXISTS (SELECT 1 FROM value WHERE value.id = ?1)"},
	} {
		var err error
		if *s.stmt, err = tx.PrepareContext(ctx, s.text); err != nil {
			return nil, err // the transaction closes those before
		}
	}
	return w, nil
}

func (w *writer) write(ctx context.Context, c Change) error {
	expires := c.Expires.UnixMilli()
	if c.Destroy {
		if err := exec(ctx, w.unsetAll, c.ID); err != nil {
			return err
		}
		return exec(ctx, w.destroy, c.ID, expires)
	}
	var destroyed bool
	if err := w.destroyed.QueryRowContext(ctx, c.ID).Scan(&destroyed); err != nil {
		return err
	}
	if destroyed || len(c.Values) == 0 {
		return exec(ctx, w.extend, c.ID, expires)
	}
	if err := exec(ctx, w.create, c.ID, expires); err != nil {
		return err
	}
	for key, value := range c.Values {
		var err error
		if value == nil {
			err = exec(ctx, w.unset, c.ID, key)
		} else {
			err = exec(ctx, w.set, c.ID, key, string(value))
		}
		if err != nil {
			return err
		}
	}
	return exec(ctx, w.prune, c.ID)
}

func exec(ctx context.Context, stmt *sql.Stmt, args ...any) error {
	_, err := stmt.ExecContext(ctx, args...)
	return err
}
