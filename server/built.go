package server

import (
	"strings"

	"parley.example/parley/internal/call"
	"parley.example/parley/internal/config"
	"parley.example/parley/internal/httpd"
)

// built is one entry of url: with what was made of it.
type built struct {
	*config.Endpoint
	program *call.Program // nil for a FileHandler
}

func (b *built) has(hook call.Hook) bool { return b.program != nil && b.program.Has(hook) }

// functionText is a hook's function as written, in one line.
func (b *built) functionText(hook call.Hook) string {
	var texts []string
	for _, step := range functions(b.Endpoint).Hooks[hook] {
		texts = append(texts, strings.Join(strings.Fields(step.Function), " "))
	}
	return strings.Join(texts, " → ")
}

func (b *built) kind() httpd.Kind {
	switch {
	case b.WebSocket != nil:
		return httpd.WebSocket
	case b.Function != nil:
		return httpd.Function
	}
	return httpd.Page
}
