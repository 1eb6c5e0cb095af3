package endpoint

import (
	"log/slog"
	"net/http"
	"sync"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// A refusal is the answer to a request that comes to nothing.
type refusal struct {
	status    int    // 0 if nobody is left to answer
	text      string // one line, for whoever reads the response
	retry     bool   // trying again in a second may help
	location  string // where to go instead; "" for nowhere
	challenge bool   // a token would help (RFC 6750 §3)
}

// head sets the headers that go with x.
func (x *refusal) head(h http.Header) {
	if x.retry {
		h.Set("Retry-After", "1")
	}
	if x.challenge {
		h.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	}
}

// write answers in plain text.
func (x *refusal) write(w http.ResponseWriter, r *http.Request) {
	x.head(w.Header())
	switch {
	case x.status == 0:
	case x.location != "":
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, x.location, x.status)
	default:
		http.Error(w, x.text, x.status)
	}
}

const (
	quiet       = time.Minute // between two lines of one kind
	maxKinds    = 256         // that are told apart; all others count as one
	mostLogText = 200         // bytes of text that clients choose
)

// A limiter keeps floods out of the log: one line per kind and minute. Its
// memory is bounded. It is safe for every goroutine.
type limiter struct {
	mu    sync.Mutex // guards what follows
	kinds map[string]*kind
}

type kind struct {
	logged time.Time
	silent int // how many have not been logged since
}

// warn logs a line, unless one of its kind was logged within the last minute.
func (l *limiter) warn(log *slog.Logger, kind, msg string, args ...any) {
	if silent, ok := l.take(kind, time.Now()); ok {
		if silent > 0 {
			args = append(args, "repeats", silent)
		}
		log.Warn(msg, args...)
	}
}

// take reports whether a line of this kind may be logged now, and how many
// were not since the last one.
func (l *limiter) take(name string, now time.Time) (silent int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kinds == nil {
		l.kinds = map[string]*kind{}
	}
	k := l.kinds[name]
	if k == nil && len(l.kinds) >= maxKinds {
		for other, k := range l.kinds {
			if now.Sub(k.logged) >= quiet {
				delete(l.kinds, other)
			}
		}
		if len(l.kinds) >= maxKinds {
			name = ""
			k = l.kinds[name]
		}
	}
	switch {
	case k == nil:
		l.kinds[name] = &kind{logged: now}
		return 0, true
	case now.Sub(k.logged) < quiet:
		k.silent++
		return 0, false
	}
	silent = k.silent
	*k = kind{logged: now}
	return silent, true
}

// logRaised logs an exception of user code.
func logRaised(log *slog.Logger, endpoint string, conn parley.ConnID, err *call.FunctionError) {
	log.Error("function raised", "endpoint", endpoint, "conn", conn, "hook", err.Hook, "bytes", err.Bytes,
		"err", err.Message, "traceback", err.Traceback)
}

// cut shortens text for the log.
func cut(text string) string {
	if len(text) > mostLogText {
		return text[:mostLogText] + "…"
	}
	return text
}
