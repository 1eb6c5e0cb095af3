package config

import (
	"encoding/json"
	"fmt"
	"time"
)

// Access says who may use an endpoint, or the app's folder.
type Access struct {
	Auth     *Auth      // nil is everybody
	Validate []Validate // each has to hold, in this order
}

// An Auth wants a user.
type Auth struct {
	Pos     Pos  // of auth:, or of the token: that implies it
	Implied bool // no auth: is written: the endpoint has a token: of its own

	// LoginURL is where browsers are sent to log in: a path of this server,
	// escaped, or the URL of another. "" answers 401 instead.
	LoginURL string
	Query    string // the parameter of LoginURL that tells where they come from

	// Membership admits users who fit one of its groups; nil admits all.
	Membership []Group
	Condition  *Function // nil is none
	Methods    []string  // in capitals; of other methods nothing is asked. nil is all

	path       string // of keys, to where it stands
	noLogin    bool   // login_url: false
	methodsPos Pos
}

// A Group holds the values of which each attribute of a user must have one, by
// the attribute's name or dotted path. Neither it nor a list in it is empty.
type Group map[string][]string

// A Validate is a condition that a request has to meet.
type Validate struct {
	Function *Function
	Code     int    // the status of requests that do not: 400 to 599
	Reason   string // what they are told, one line; "" is Code's own text
}

// A Token says which tokens and tickets open a WebSocket.
type Token struct {
	Pos Pos

	// Where JWTs are looked for. At least one is true if HasJWT, and none if not.
	Header, Query, Subprotocol bool

	Secrets    []Secret  // of HS256, HS384 and HS512
	Keys       []KeyFile // public keys, in PEM
	JWKS       string    // URL of a key set: https, or http on loopback; "" is none
	JWKSPos    Pos
	Algorithms []string      // names of RFC 7518 and 8037, each of a kind that is there; nil is all that fit the keys
	Issuer     string        // "" is any
	Audience   []string      // one of them must be the token's; nil is any
	User       []Claim       // the user's attributes, "id" among them; nil is every claim, and id from sub
	Grace      time.Duration // for a socket whose token has expired; 0 is none

	Ticket time.Duration // how long a ticket is good for; 0 is no tickets
}

// HasJWT reports whether JWTs are accepted. If not, tickets are.
func (t *Token) HasJWT() bool { return len(t.Secrets) > 0 || len(t.Keys) > 0 || t.JWKS != "" }

// A KeyFile names a file that nobody has read yet.
type KeyFile struct {
	Path string // absolute
	Pos  Pos
}

// A Claim says where an attribute of the user comes from.
type Claim struct {
	Attribute string
	Path      string // of the claim, with dots
}

// A Secret is a text that is never shown: fmt and encoding/json write
// "(secret)" for it.
type Secret struct {
	Text string
	Pos  Pos
}

// Format makes fmt write "(secret)", whatever the verb.
func (s Secret) Format(to fmt.State, _ rune) { fmt.Fprint(to, hidden) }

// MarshalText returns "(secret)".
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

const hidden = "(secret)"

// A Login holds the kwargs of a SimpleAuth.
type Login struct {
	Credentials []Credential // at least one, in the order written, names without repeats
	Template    string       // an html/template file, absolute; "" is Parley's own page

	// Delay is how long after the attempt before it one is looked at: after the
	// first, the second, … and each later failure. nil leaves the choice to the login.
	Delay []time.Duration

	Redirect        Redirect
	SessionExpiry   time.Duration // after logging in, whatever happens; 0 is no limit
	SessionInactive time.Duration // without a request; 0 is no limit
	UserField       string        // names of the form's fields, not the same
	PasswordField   string
}

// A Credential is one user of a SimpleAuth.
type Credential struct {
	Name       string
	Password   Secret          // a hash, or the password itself; not empty
	Attributes json.RawMessage // an object, keys in order, without password, id and user
	Pos        Pos
}

// A Logout holds the kwargs of a LogoutHandler.
type Logout struct {
	Redirect Redirect
}

// A Redirect says where somebody is sent who has logged in or out: the first of
// the three that there is.
type Redirect struct {
	Query  string // where this parameter of the page's URL leads; "" means next
	Header string // where this header of the page's request leads; likewise
	URL    string // a path of this server, escaped, or the URL of another; never ""
}
