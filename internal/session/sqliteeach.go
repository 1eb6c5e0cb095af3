package session

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// eachPage is how many sessions Each reads at once. Nothing is being read while
// fn runs: it may take its time, and use the store.
const eachPage = 256

const eachQuery = "SELECT page.id, page.expires, value.key, value.json FROM " +
	"(SELECT id, expires FROM session WHERE id > ?1 AND NOT destroyed ORDER BY id LIMIT ?2) AS page " +
	"LEFT JOIN value USING (id) ORDER BY page.id"

// Each reads the file page by page.
func (s *SQLite) Each(ctx context.Context, fn func(Stored) error) error {
	for after := ""; ; {
		page, err := s.page(ctx, after)
		if err != nil {
			return fmt.Errorf("reading %s: %w", s.path, err)
		}
		if len(page) == 0 {
			return nil
		}
		for _, stored := range page {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			after = stored.ID
			if len(stored.Values) == 0 {
				continue
			}
			if err := fn(stored); err != nil {
				return err
			}
		}
	}
}

// page returns the sessions that follow the id after.
func (s *SQLite) page(ctx context.Context, after string) ([]Stored, error) {
	ctx, err := s.read.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer s.read.end()
	rows, err := s.db.QueryContext(ctx, eachQuery, after, eachPage)
	if err != nil {
		return nil, err
	}
	page, err := scanPage(rows)
	return page, errors.Join(err, rows.Close())
}

func scanPage(rows *sql.Rows) ([]Stored, error) {
	var page []Stored
	for rows.Next() {
		var id string
		var expires int64
		var key sql.NullString // NULL if the session has no values
		var text []byte
		if err := rows.Scan(&id, &expires, &key, &text); err != nil {
			return nil, err
		}
		if len(page) == 0 || page[len(page)-1].ID != id {
			page = append(page, Stored{ID: id, Expires: time.UnixMilli(expires), Values: map[string]json.RawMessage{}})
		}
		if key.Valid {
			page[len(page)-1].Values[key.String] = text
		}
	}
	return page, rows.Err()
}
