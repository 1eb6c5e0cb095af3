package session_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"parley.example/parley/internal/session"
	"parley.example/parley/internal/session/storetest"
)

func TestStores(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		storetest.Run(t, func(*testing.T) session.Store { return session.NewMemory() })
	})
	t.Run("sqlite", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) session.Store {
			return openSQLite(t, filepath.Join(t.TempDir(), "sessions.db"))
		})
	})
}

func openSQLite(t *testing.T, path string) *session.SQLite {
	t.Helper()
	s, err := session.OpenSQLite(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSQLiteFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new folder", "data 100% #1?")
	path := filepath.Join(dir, "sessions.db")
	first := openSQLite(t, path)
	if err := first.Save(t.Context(), []session.Change{change("id", "a", "1")}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v; want mode 0700", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) == 0 || entries[0].Name() != "sessions.db" {
		t.Errorf("files = %v, want sessions.db and what SQLite keeps beside it", entries)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", e.Name(), info.Mode(), err)
		}
	}

	// A file that was open to others is closed to them.
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	openSQLite(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file after opening it again: %v, %v; want mode 0600", info.Mode(), err)
	}
}

func TestSQLiteOpenedByManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	const openers = 8
	var all sync.WaitGroup
	for i := range openers {
		all.Go(func() {
			s, err := session.OpenSQLite(path)
			if err != nil {
				t.Error(err)
				return
			}
			key := fmt.Sprint(i)
			if err := s.Save(t.Context(), []session.Change{change("id", key, "1")}); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	values, err := openSQLite(t, path).Load(t.Context(), "id")
	if err != nil || len(values) != openers {
		t.Errorf("values = %v, %v; want %d", values, err, openers)
	}
}

func TestSQLiteRefusesAnotherSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	openSQLite(t, path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := session.OpenSQLite(path); err == nil || !strings.Contains(err.Error(), "schema 99") {
		t.Errorf("error = %v, want one about schema 99", err)
	}
}

func TestSQLiteRefusesWhatIsNotItsOwn(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte("this is no database, but some text that is long enough"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, dir} {
		if s, err := session.OpenSQLite(path); err == nil {
			t.Errorf("%s was opened (closed: %v)", path, s.Close())
		}
	}
}
