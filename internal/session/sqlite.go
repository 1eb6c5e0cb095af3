package session

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
)

// schema is version 1, kept in SQLite's user_version. One row per key, so that
// two processes on one file undo each other's work only where they change the
// same key.
const schema = `
CREATE TABLE session (
	id        TEXT PRIMARY KEY,
	expires   INTEGER NOT NULL, -- milliseconds since 1970
	destroyed INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX session_expires ON session (expires);
CREATE TABLE value (
	id   TEXT NOT NULL,
	key  TEXT NOT NULL,
	json TEXT NOT NULL,
	PRIMARY KEY (id, key)
) WITHOUT ROWID;
PRAGMA user_version = 1;`

const (
	schemaVersion = 1

	// connections serve the readers and one who writes. Each caches the pages
	// that it has read; those of the whole file are in the system's cache.
	connections = maxReaders + 1
	cacheSize   = "-512" // KiB of a connection

	openPatience = 5 * time.Second
	openRetry    = 10 * time.Millisecond
	codeBusy     = 5 // SQLITE_BUSY
)

// SQLite is a Store in one file. Several processes may use the file at once.
// What was saved survives the end of the process, however it ends; a loss of
// power may take the last saves with it, but leaves the file whole.
type SQLite struct {
	path string  // set by OpenSQLite, then read-only
	db   *sql.DB // safe for every goroutine
	read reader  // likewise
}

// SQLiteFiles are the files that OpenSQLite makes at path.
func SQLiteFiles(path string) []string {
	return []string{path, path + "-wal", path + "-shm", path + "-journal"}
}

// OpenSQLite opens the store in the file path, and makes it if it does not
// exist: the file with mode 0600, its folder with 0700.
func OpenSQLite(path string) (*SQLite, error) {
	s := &SQLite{path: path}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("opening the session store %s: %w", path, err)
	}
	return s, nil
}

func (s *SQLite) open() error {
	path, err := filepath.Abs(s.path)
	if err != nil {
		return err
	}
	if err := makePrivate(path); err != nil {
		return err
	}
	uri := url.URL{
		Scheme: "file",
		Path:   filepath.ToSlash(path),
		RawQuery: url.Values{
			"_busy_timeout": {"5000"},
			"_journal_mode": {"WAL"},
			"_synchronous":  {"NORMAL"},
			"_txlock":       {"immediate"}, // a transaction waits for its turn at its start
			"_pragma":       {"cache_size(" + cacheSize + ")"},
		}.Encode(),
	}
	if !strings.HasPrefix(uri.Path, "/") {
		uri.Path = "/" + uri.Path // C:/… on Windows
	}
	if s.db, err = sql.Open("sqlite", uri.String()); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(connections)
	s.db.SetMaxIdleConns(connections)
	if err = s.migrate(); err == nil {
		err = s.read.prepare(s.db)
	}
	if err != nil {
		return errors.Join(err, s.db.Close())
	}
	return nil
}

// makePrivate sees to it that only the user can read the file: SQLite gives
// its mode to the files beside it.
func makePrivate(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return os.Chmod(path, 0o600) // opening and closing it would end SQLite's locks
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// migrate makes the tables of a new file. It is the first use of the file,
// which switches it to a write-ahead log: SQLite does not wait its turn for
// that, so it is tried again while another process has the file.
func (s *SQLite) migrate() error {
	deadline := time.Now().Add(openPatience)
	for {
		err := s.tryMigrate()
		var busy *sqlite.Error
		if !errors.As(err, &busy) || busy.Code()&0xff != codeBusy || time.Now().After(deadline) {
			return err
		}
		time.Sleep(openRetry)
	}
}

func (s *SQLite) tryMigrate() error {
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	return finish(tx, func() error {
		var version int
		if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		switch version {
		case schemaVersion:
			return nil
		case 0:
			_, err := tx.Exec(schema)
			return err
		}
		return fmt.Errorf("made by another version of Parley (schema %d, this one knows %d)", version, schemaVersion)
	})
}

// finish commits what do does in tx, unless it returns an error.
func finish(tx *sql.Tx, do func() error) error {
	if err := do(); err != nil {
		_ = tx.Rollback() // err says more
		return err
	}
	return tx.Commit()
}

// Save applies the changes in one transaction.
func (s *SQLite) Save(ctx context.Context, changes []Change) error {
	if err := s.save(ctx, changes); err != nil {
		return fmt.Errorf("writing %s: %w", s.path, err)
	}
	return nil
}

func (s *SQLite) save(ctx context.Context, changes []Change) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	return finish(tx, func() error {
		whole := context.WithoutCancel(ctx) // see reader.turn
		w, err := newWriter(whole, tx)
		if err != nil {
			return err
		}
		for _, c := range changes {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := w.write(whole, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// Purge forgets expired sessions and tombstones.
func (s *SQLite) Purge(ctx context.Context, now time.Time) (int, error) {
	n, err := s.purge(ctx, now.UnixMilli())
	if err != nil {
		return 0, fmt.Errorf("purging %s: %w", s.path, err)
	}
	return int(n), nil
}

func (s *SQLite) purge(ctx context.Context, now int64) (purged int64, err error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	err = finish(tx, func() error {
		const values = "DELETE FROM value WHERE id IN (SELECT id FROM session WHERE expires < ?)"
		if _, err := tx.ExecContext(ctx, values, now); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, "DELETE FROM session WHERE expires < ?", now)
		if err != nil {
			return err
		}
		purged, err = result.RowsAffected()
		return err
	})
	return purged, err
}

// Close closes the file.
func (s *SQLite) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("closing %s: %w", s.path, err)
	}
	return nil
}
