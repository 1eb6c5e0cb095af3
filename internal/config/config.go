package config

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"regexp"
	"time"
)

// A Config is one app as its YAML describes it, checked and complete. Nobody
// changes it after Load.
type Config struct {
	Dir   string   // the app's root folder, absolute
	File  string   // the main file, absolute
	Files []string // every YAML file read, absolute, main first, in the order of reading
	Dirs  []string // the folders of Files without repeats: where Python modules are found

	App     App
	Log     Log
	Python  Python
	Runtime string // "python" or "go"; "" leaves the choice to each function's text

	// Endpoints stand in route order: higher priority first, then as in the
	// files.
	Endpoints []*Endpoint

	// Warnings are not in the way of serving, in file order.
	Warnings []Problem
}

// App holds the settings under app:.
type App struct {
	Listen          Listen
	Session         Session
	Settings        Settings
	ShutdownTimeout time.Duration // for closing everything in order; above 0
}

// Listen says where the server listens and which proxies it believes.
type Listen struct {
	Port           int    // 0 lets the system choose
	Address        string // an IP address without brackets, or a host name
	TrustedProxies []netip.Prefix
}

// Session says how browser sessions are kept.
type Session struct {
	Cookie string        // the cookie's name
	Expiry time.Duration // above 0
	Store  string        // "sqlite" or "memory"
	Path   string        // file of the sqlite store, absolute; "" is the default place
}

// Settings are what Gramex hands to Tornado. CookieSecret must not be logged.
type Settings struct {
	CookieSecret string // "" generates one
}

// Log says what the server logs and how.
type Log struct {
	Level  slog.Level
	Format string // "text" or "json"
}

// Python says which Python runs the app's modules.
type Python struct {
	Executable  string        // a name for PATH, or an absolute path
	HangTimeout time.Duration // above 0
	Path        []string      // absolute folders that modules are looked for in, after Config.Dirs
}

// An Endpoint is one entry under url:. Exactly one of WebSocket, Function and
// File is not nil, and says which handler it is.
type Endpoint struct {
	Name     string         // its key under url:
	Pos      Pos            // where that key stands
	Pattern  string         // as written, variables substituted
	Regexp   *regexp.Regexp // Pattern, bound to match a whole path
	Priority int
	Runtime  string          // as Config.Runtime, which it overrides; "" is the app's
	Kwargs   json.RawMessage // kwargs: as written, variables substituted; an object, keys in order

	WebSocket *WebSocket
	Function  *FunctionHandler
	File      *File
}

// Handler returns the name of the endpoint's handler.
func (e *Endpoint) Handler() string {
	switch {
	case e.WebSocket != nil:
		return webSocketHandler
	case e.Function != nil:
		return functionHandler
	}
	return fileHandler
}

// A WebSocket holds the kwargs of a WebSocketHandler. A nil Function is a hook
// that is not configured.
type WebSocket struct {
	Open              *Function
	OnMessage         *Function
	OnClose           *Function
	OnPong            *Function
	SelectSubprotocol *Function

	Origins    []Origin // not empty if OriginsSet
	OriginsSet bool     // false allows every origin

	MaxMessageSize int           // bytes, 1 to maxMessageSize
	PingInterval   time.Duration // between pings; above 0
	PingTimeout    time.Duration // a peer silent for that long is stale; above PingInterval
}

// An Origin is one entry of origins:, as written.
type Origin struct {
	Text string
	Pos  Pos
}

// A FunctionHandler holds the kwargs of a FunctionHandler.
type FunctionHandler struct {
	Function *Function
	Headers  []Header // in the order written
}

// A Header is one response header.
type Header struct {
	Name  string // as written; a valid field name (RFC 9110 §5.1)
	Value string // without line breaks and control characters
	Pos   Pos
}

// A File holds the kwargs of a FileHandler.
type File struct {
	Path            string // a file or folder, absolute; it need not exist
	DefaultFilename string // what a folder answers with; "" is nothing
}

// A Function is what one hook runs: one step, or several one after the other.
type Function struct {
	Pos   Pos
	Steps []Step // at least one
}

// A Step is one expression of a Function.
type Step struct {
	Name   string          // "" for none
	Text   string          // the expression
	Args   json.RawMessage // a list; nil if not given
	Kwargs json.RawMessage // an object, keys in order; nil if not given
	Pos    Pos             // where Text stands
}
