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
	Dir   string   // the app's root folder, absolute; "" for an app without files
	File  string   // the main file, absolute; likewise
	Files []string // every YAML file read, absolute, main first, in the order of reading
	Dirs  []string // the folders of Files without repeats: where modules are found

	App      App
	Log      Log
	Python   Python
	Starlark Starlark
	Runtime  string // "python", "starlark" or "go"; "" leaves the choice to the functions' texts

	// Endpoints stand in route order: see routeOrder; equal ones as in the files.
	Endpoints []*Endpoint

	// Folder is how the app's folder is served where no endpoint is, and
	// FolderAccess to whom.
	Folder       *File
	FolderAccess Access

	// Warnings are not in the way of serving, in file order.
	Warnings []Problem
}

// App holds the settings under app:.
type App struct {
	Auth            *Auth  // what endpoints and the folder have in their Access, unless they say otherwise; nil is none
	Token           *Token // what WebSockets have, likewise
	Listen          Listen
	Session         Session
	Settings        Settings
	Limits          Limits
	Drain           Drain
	ShutdownTimeout time.Duration // for closing everything in order; above 0
}

// DrainTime is the share of ShutdownTimeout that open sockets and requests
// have. Workers have an eighth after that; the rest is for saving sessions.
func (a App) DrainTime() time.Duration { return a.ShutdownTimeout * 3 / 4 }

// Listen says where the server listens, which proxies it believes and how it
// reads sockets.
type Listen struct {
	Port           int    // 0 lets the system choose
	Address        string // an IP address without brackets, or a host name
	TrustedProxies []netip.Prefix
	TLS            *TLS   // nil is plain HTTP
	Driver         string // "auto", "epoll" or "goroutine"; never "epoll" together with TLS
	DriverPos      Pos    // where driver was set; the zero Pos if it was not
	Loops          int    // event loops, up to maxLoops; 0 leaves the choice to Parley
}

// TLS names the files of a certificate in PEM, absolute. Nobody has read them
// yet.
type TLS struct {
	Cert, Key       string
	CertPos, KeyPos Pos
}

// Limits bound what all peers together may have.
type Limits struct {
	Connections           int // WebSockets; 0 is nine tenths of the descriptors that the process may open
	ConnectionsPerAddress int // WebSockets of one client's address; 0 is no limit
	Handshakes            int // opening handshakes under way at once; at least 1
}

// Drain says how open sockets are told that the server stops.
type Drain struct {
	Over time.Duration // the time their close frames are spread over; 0 is all at once
}

// Session says how browser sessions are kept.
type Session struct {
	Cookie string        // the cookie's name
	Domain string        // all hosts in it are sent the cookie: a host name in lower case; "" is only the server's own
	Expiry time.Duration // above 0
	Store  string        // "sqlite" or "memory"
	Path   string        // file of the sqlite store, absolute; "" is the default place
}

// Settings are what Gramex hands to Tornado.
type Settings struct {
	CookieSecrets []Secret // the first signs cookies, all verify them; nil generates one
	LoginURL      string   // as Auth.LoginURL, where no other is given; "" is the first SimpleAuth
}

// Log says what the server logs and how.
type Log struct {
	Level  slog.Level
	Format string // "text" or "json"
}

// Python says which Python runs the app's modules, and in how many processes.
type Python struct {
	Executable  string        // a name for PATH, or an absolute path
	Workers     int           // processes, 1 to maxWorkers
	HangTimeout time.Duration // above 0
	Path        []string      // absolute folders that modules are looked for in, after Config.Dirs
}

// Starlark bounds what a call of a function in Starlark may take.
type Starlark struct {
	MaxSteps int           // above 0
	Timeout  time.Duration // above 0
}

// An Endpoint is one entry under url:. Exactly one of WebSocket, Function, File,
// Login and Logout is not nil, and says which handler it is.
type Endpoint struct {
	Name     string         // its key under url:
	Pos      Pos            // where that key stands
	Pattern  string         // as written, variables substituted
	Regexp   *regexp.Regexp // Pattern, bound to match a whole path
	Priority int
	Runtime  string // as Config.Runtime, which it overrides; "" is the app's
	// Kwargs are kwargs: over the handler's defaults, variables substituted; an
	// object, keys in order. token: and credentials:, which hold secrets, are
	// left out.
	Kwargs json.RawMessage

	Access // a Login and a Logout are for everybody

	WebSocket *WebSocket
	Function  *FunctionHandler
	File      *File
	Login     *Login
	Logout    *Logout
}

// Handler returns the name of the endpoint's handler.
func (e *Endpoint) Handler() string {
	switch {
	case e.WebSocket != nil:
		return webSocketHandler
	case e.Function != nil:
		return functionHandler
	case e.Login != nil:
		return simpleAuth
	case e.Logout != nil:
		return logoutHandler
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

	Token *Token // nil takes no tokens

	Origins    []Origin // not empty if OriginsSet; "*", which allows all, stands alone
	OriginsSet bool     // false allows every origin

	MaxMessageSize int           // bytes, 1 to maxMessageSize
	PingInterval   time.Duration // between pings; above 0
	PingTimeout    time.Duration // a peer silent for that long is stale; above PingInterval
	IdleTimeout    time.Duration // without a data message either way; 0 is for ever

	Outbox      int          // bytes, minOutbox to maxOutbox; 0 is 1 MiB, or twice MaxMessageSize if that is more
	Slow        string       // what a full outbox does: "disconnect", "drop_oldest" or "drop_newest"
	Compression *Compression // nil is off
	Rate        *Rate        // nil is no limit
	Headers     []Header     // of the 101, in the order written
}

// Compression says how messages are compressed (RFC 7692).
type Compression struct {
	Threshold       int  // bytes: shorter messages go uncompressed; 0 is the engine's default
	Level           int  // 1, fast, to 9, small; 0 is the engine's default
	ContextTakeover bool // messages are compressed with what went before in mind, which costs memory
}

// A Rate bounds what one peer may send, from one moment to the next: tokens of
// both kinds come at these rates and are saved up for Burst at most. A saved-up
// rate is always good for one message, whatever its size.
type Rate struct {
	Messages float64       // a second; 0 is no limit, but one of the two is above 0
	Bytes    float64       // of messages, a second; 0 is no limit
	Burst    time.Duration // above 0
	Over     string        // what a peer above it gets: "wait", which is not being read, or "close"
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

// A Header is one response header. A later one of the same name, whatever its
// letter case, replaces it.
type Header struct {
	Name  string // as written; a valid field name (RFC 9110 §5.1), and not Parley's own to set
	Value string // without line breaks and control characters
	Off   bool   // the header is not sent; Value is ""
	Pos   Pos
}

// A File holds the kwargs of a FileHandler.
type File struct {
	Path            string // a file or folder, absolute; it need not exist
	DefaultFilename string // what a folder answers with; "" is nothing

	// Files that a Glob of Ignore matches do not exist for peers, unless one of
	// Allow does.
	Ignore, Allow []Glob

	Headers      []Header       // of every file, in the order written
	FilesHeaders []FilesHeaders // of some, and over Headers; later ones over earlier ones
}

// FilesHeaders are headers of the files that a Glob matches.
type FilesHeaders struct {
	Files   Glob
	Headers []Header
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
	Begin  Pos             // where its first character does, behind a quotation mark
}
