package auth

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Origins is the list of sites whose pages may open a WebSocket. A nil
// *Origins allows all. It does not change.
type Origins struct {
	rules []rule
}

// A rule is one entry of the list.
type rule struct {
	text   string // as written
	null   bool   // the origin "null", and nothing else below counts
	scheme string // "" is any
	host   host
	port   string // "" is any, unless there is a scheme: then the scheme's own, noPort where it has none
	under  bool   // also (or only, see self) names that end with a dot and host
	self   bool   // host itself
}

// noPort is the port of an origin whose scheme has no port of its own.
const noPort = "none"

// ParseOrigins reads the entries of origins:. Its error names every entry that
// is wrong. An empty list is not "all": it allows no page at all.
func ParseOrigins(entries []string) (*Origins, error) {
	o := &Origins{}
	var errs []error
	for _, entry := range entries {
		r, err := parseRule(entry)
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", entry, err))
			continue
		}
		o.rules = append(o.rules, r)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return o, nil
}

// CheckOrigin says what is wrong with one entry of origins:, or returns nil.
func CheckOrigin(entry string) error {
	_, err := parseRule(entry)
	return err
}

// Allows reports whether a request with these headers may open a WebSocket.
// One without Origin may, since it is no browser's (RFC 6455 §10.2); one whose
// Origin is not exactly scheme://host[:port] may not, and "null" only if it is
// in the list.
func (o *Origins) Allows(h http.Header) bool {
	values := h.Values("Origin")
	switch {
	case o == nil || len(values) == 0:
		return true
	case len(values) > 1:
		return false
	case values[0] == "null":
		for _, r := range o.rules {
			if r.null {
				return true
			}
		}
		return false
	}
	from, err := parseOrigin(values[0])
	if err != nil {
		return false
	}
	for _, r := range o.rules {
		if r.matches(from) {
			return true
		}
	}
	return false
}

// Describe says for people who may connect.
func (o *Origins) Describe() string {
	switch {
	case o == nil:
		return "all origins"
	case len(o.rules) == 0:
		return "no origin"
	}
	parts := make([]string, len(o.rules))
	for i, r := range o.rules {
		parts[i] = r.describe()
	}
	return strings.Join(parts, ", ")
}

func (r rule) matches(o origin) bool {
	if r.null || r.scheme != "" && r.scheme != o.scheme || r.port != "" && r.port != o.port {
		return false
	}
	return r.self && r.host == o.host || r.under && o.host.under(r.host)
}

func (r rule) describe() string {
	switch {
	case r.self && r.under:
		return r.text + " and its subdomains"
	case r.under:
		return "subdomains of " + strings.TrimPrefix(r.text, "*.")
	}
	return r.text
}

// parseRule reads one entry: null, host, *.host or a full origin; all but null
// may end with a port.
func parseRule(entry string) (rule, error) {
	switch {
	case entry == "":
		return rule{}, errors.New("an empty entry allows nobody; leave origins out to allow all")
	case entry == "null":
		return rule{text: entry, null: true}, nil
	case entry == "*":
		return rule{}, errors.New("is no host; leave origins out to allow all")
	case strings.Contains(entry, "://"):
		o, err := parseOrigin(entry)
		if err != nil {
			return rule{}, err
		}
		return rule{text: entry, scheme: o.scheme, host: o.host, port: o.port, self: true}, nil
	}
	name, subdomainsOnly := strings.CutPrefix(entry, "*.")
	if strings.HasPrefix(name, ".") {
		return rule{}, fmt.Errorf("begins with a dot; write *.%s for its subdomains only", strings.TrimLeft(name, "."))
	}
	h, port, err := parseHostPort(name)
	if err != nil {
		return rule{}, err
	}
	if subdomainsOnly && h.address {
		return rule{}, errors.New("an address has no subdomains")
	}
	return rule{text: entry, host: h, port: port, under: !h.address, self: !subdomainsOnly}, nil
}
