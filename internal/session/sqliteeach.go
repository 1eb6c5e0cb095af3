package session

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// eachPage is how many sessions Each reads at once. Nothing is being read while
// fn runs: it may take its time, and use the store.
const eachPage = 256

const eachQuery = "SELECT page.id, value.key, value.json FROM " +
	"(SELECT id FROM session WHERE id > ?1 AND NOT destroyed ORDER BY id LIMIT ?2) AS page " +
	"LEFT JOIN value USING (id) ORDER BY page.id"

// Each reads the file page by page.
func (s *SQLite) Each(ctx context.Context, fn func(id string, values map[string]json.RawMessage) error) error {
	for after := ""; ; {
		page, err := s.page(ctx, after)
		if err != nil {
			return fmt.Errorf("reading %s: %w", s.path, err)
		}
		if len(page) == 0 {
			return nil
		}
		for _, found := range page {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			after = found.id
			if len(found.values) == 0 {
				continue
			}
			if err := fn(found.id, found.values); err != nil {
				return err
			}
		}
	}
}

// found is a session of the file.
type found struct {
	id     string
	values map[string]json.RawMessage
}

// page returns the sessions that follow the id after.
func (s *SQLite) page(ctx context.Context, after string) ([]found, error) {
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

func scanPage(rows *sql.Rows) ([]found, error) {
	var page []found
	for rows.Next() {
		var id string
		var key sql.NullString // NULL if the session has no values
		var text []byte
		if err := rows.Scan(&id, &key, &text); err != nil {
			return nil, err
		}
		if len(page) == 0 || page[len(page)-1].id != id {
			page = append(page, found{id, map[string]json.RawMessage{}})
		}
		if key.Valid {
			page[len(page)-1].values[key.String] = text
		}
	}
	return page, rows.Err()
}
