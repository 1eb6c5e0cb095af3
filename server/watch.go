package server

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// reloadAfter is how long a folder must be quiet before a saved file counts:
// editors write, rename and chmod in quick succession.
const reloadAfter = 100 * time.Millisecond

// openWatcher begins to watch the app's folders; nil if that cannot be done,
// which is logged. What is saved from now on is what watch hears.
func (s *Server) openWatcher() *fsnotify.Watcher {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		s.log.Warn("saved files are not noticed", "err", err)
		return nil
	}
	for _, dir := range s.cfg.Dirs {
		s.watchTree(watcher, dir)
	}
	return watcher
}

// watch tells the runtimes which files of theirs were saved, and the log when a
// YAML file was, until ctx ends.
func (s *Server) watch(ctx context.Context, watcher *fsnotify.Watcher) error {
	saved := map[string]bool{}
	quiet := time.NewTimer(reloadAfter)
	quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-watcher.Errors:
			s.log.Warn("some saved files may not have been noticed: save them again", "err", err)
		case event := <-watcher.Events:
			if event.Op == fsnotify.Chmod {
				continue
			}
			if event.Has(fsnotify.Create) {
				for _, path := range s.watchTree(watcher, event.Name) {
					saved[path] = true
				}
			}
			if s.wanted(event.Name) {
				saved[event.Name] = true
			}
			if len(saved) > 0 {
				quiet.Reset(reloadAfter)
			}
		case <-quiet.C:
			s.changed(slices.Sorted(maps.Keys(saved)))
			clear(saved)
		}
	}
}

// watchTree watches dir and the folders in it, and returns the wanted files it
// found: they may have been written before the watch began. A path that is no
// folder is ignored.
func (s *Server) watchTree(watcher *fsnotify.Watcher, dir string) (files []string) {
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // gone again
		case err != nil:
			return err
		case !entry.IsDir():
			if s.wanted(path) {
				files = append(files, path)
			}
			return nil
		case path != dir && unwatched(entry.Name()):
			return filepath.SkipDir
		}
		return watcher.Add(path)
	})
	if err != nil {
		s.log.Warn("files saved in a folder are not noticed", "dir", dir, "err", err)
	}
	return files
}

func unwatched(dir string) bool {
	return strings.HasPrefix(dir, ".") || dir == "__pycache__" || dir == "node_modules"
}

func (s *Server) wanted(path string) bool {
	return strings.HasSuffix(path, ".py") || strings.HasSuffix(path, ".star") || slices.Contains(s.cfg.Files, path)
}

func (s *Server) changed(paths []string) {
	var modules []string
	for _, path := range paths {
		if slices.Contains(s.cfg.Files, path) {
			s.log.Warn("config saved: restart parley to use it", "file", path)
			continue
		}
		modules = append(modules, path)
	}
	if len(modules) > 0 {
		s.scripts.Changed(modules)
		s.workers.Changed(modules)
	}
}
