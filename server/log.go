package server

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"

	"parley.example/parley/internal/config"
)

func newLog(cfg config.Log, out io.Writer) *slog.Logger {
	if out == nil {
		out = os.Stderr
	}
	opt := &slog.HandlerOptions{Level: cfg.Level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(out, opt))
	}
	return slog.New(newTextHandler(out, opt))
}

// tracebackKey is the attribute that a person reads as lines.
const tracebackKey = "traceback"

// A textHandler is a slog.TextHandler that writes a traceback below its line,
// as lines, not quoted into it.
type textHandler struct {
	slog.Handler               // writes into sink
	sink         *bytes.Buffer // guarded by mu, as is out; shared with what With makes
	out          io.Writer
	mu           *sync.Mutex
}

func newTextHandler(out io.Writer, opt *slog.HandlerOptions) *textHandler {
	sink := &bytes.Buffer{}
	return &textHandler{Handler: slog.NewTextHandler(sink, opt), sink: sink, out: out, mu: &sync.Mutex{}}
}

// Handle implements slog.Handler, as do the other methods.
func (h *textHandler) Handle(ctx context.Context, r slog.Record) error {
	traceback := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == tracebackKey {
			traceback = a.Value.String()
		}
		return traceback == ""
	})
	if traceback != "" {
		r = without(r, tracebackKey)
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	h.sink.Reset()
	if err := h.Handler.Handle(ctx, r); err != nil {
		return err
	}
	if traceback != "" {
		for text := range strings.Lines(strings.TrimRight(traceback, "\n") + "\n") {
			h.sink.WriteString("    " + text)
		}
	}
	_, err := h.out.Write(h.sink.Bytes())
	return err
}

// without returns r without an attribute.
func without(r slog.Record, key string) slog.Record {
	line := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != key {
			line.AddAttrs(a)
		}
		return true
	})
	return line
}

// WithAttrs returns a handler that adds attrs to each line.
func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &textHandler{Handler: h.Handler.WithAttrs(attrs), sink: h.sink, out: h.out, mu: h.mu}
}

// WithGroup returns a handler that puts name before each later key.
func (h *textHandler) WithGroup(name string) slog.Handler {
	return &textHandler{Handler: h.Handler.WithGroup(name), sink: h.sink, out: h.out, mu: h.mu}
}
