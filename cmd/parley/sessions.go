package main

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"parley.example/parley/internal/config"
	"parley.example/parley/internal/session"
)

func sessionsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sessions",
		Short: "list an app's sessions, or end some",
		Long: `Works on the sessions of the app in DIR, or in the current folder, and of all apps
that keep theirs in the same place. Set $PARLEYDATA if their servers have it set.`,
		Example: `  parley sessions list
  parley sessions revoke --user alice`,
		RunE: func(cmd *cobra.Command, args []string) error {
			text := "name a command: list or revoke"
			if len(args) > 0 {
				text = args[0] + " is no command; there are list and revoke"
			}
			return &usageError{text: text, command: cmd.CommandPath()}
		},
	}
	cmd.AddCommand(sessionsListCommand(a), sessionsRevokeCommand(a))
	return cmd
}

// A place is where an app's sessions are kept.
type place struct {
	dir  string // the data folder
	file string // "" is in memory

	settings config.Session
}

// placeOf returns where the app that args name keeps its sessions. Without args
// it is the one in this folder, if there is any.
func (a *app) placeOf(args []string) (place, error) {
	path := target(args)
	if len(args) == 0 {
		if _, err := os.Stat(filepath.Join(path, "gramex.yaml")); errors.Is(err, fs.ErrNotExist) {
			path = ""
		}
	}
	cfg, err := config.Load(path, config.Options{Overrides: a.overrides})
	if err != nil {
		return place{}, err
	}
	dir, err := config.DataDir("")
	if err != nil {
		return place{}, err
	}
	return place{dir: dir, file: cfg.App.Session.File(dir), settings: cfg.App.Session}, nil
}

// open opens the store; nil is that there is none yet, or none on the disk.
func (p place) open() (session.Store, error) {
	if p.file == "" {
		return nil, nil
	}
	if _, err := os.Stat(p.file); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return nil, err
	}
	return session.OpenSQLite(p.file)
}

// manager returns one that serves no browsers.
func (p place) manager(store session.Store) *session.Manager {
	return session.New(session.Options{
		Store: store, Secrets: [][]byte{[]byte(rand.Text())}, Cookie: p.settings.Cookie, Expiry: p.settings.Expiry,
	})
}
