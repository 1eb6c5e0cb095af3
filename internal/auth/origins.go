package auth

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Origins is the list of sites whose pages may open a WebSocket. A nil
// *Origins allows all. It does not change.
type Origins struct {
	entries   []entry
	everybody bool // and no entries
}

// An entry is one of the list.
type entry struct {
	null   bool   // the origin "null", and nothing else below counts
	scheme string // "" is any
	host   host
	port   string // "" is any, unless there is a scheme: then the scheme's own, noPort where it has none
	under  bool   // also (or only, see self) names that end with a dot and host
	self   bool   // host itself
}

// noPort is the port of an origin whose scheme has no port of its own.
const noPort = "none"

// everybody is the entry that allows all.
const everybody = "*"

// ParseOrigins reads the entries of origins:. Its error names every entry that
// is wrong. An empty list is not "all": it allows no page at all.
func ParseOrigins(entries []string) (*Origins, error) {
	o := &Origins{}
	var errs []error
	for _, text := range entries {
		if text == everybody {
			if len(entries) > 1 {
				errs = append(errs, fmt.Errorf("%q: means everybody and stands alone; remove it or the other entries", text))
			}
			o.everybody = true
			continue
		}
		e, err := parseEntry(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", text, err))
			continue
		}
		o.entries = append(o.entries, e)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return o, nil
}

// CheckOrigin says what is wrong with one entry of origins:, or returns nil.
// That "*" stands alone it cannot see.
func CheckOrigin(text string) error {
	if text == everybody {
		return nil
	}
	_, err := parseEntry(text)
	return err
}

// Everybody reports whether origins: "*" is written: pages of every site may
// connect, and with the browser's cookie. A nil *Origins is not that.
func (o *Origins) Everybody() bool { return o != nil && o.everybody }

// Allows reports whether a request with these headers may open a WebSocket.
// One without Origin may, since it is no browser's (RFC 6455 §10.2); one whose
// Origin is not exactly scheme://host[:port] may not, and "null" only if it is
// in the list.
func (o *Origins) Allows(h http.Header) bool {
	values := h.Values("Origin")
	switch {
	case o == nil || o.everybody || len(values) == 0:
		return true
	case len(values) > 1:
		return false
	case values[0] == "null":
		return slices.ContainsFunc(o.entries, func(e entry) bool { return e.null })
	}
	from, err := parseOrigin(values[0])
	if err != nil {
		return false
	}
	return slices.ContainsFunc(o.entries, func(e entry) bool { return e.matches(from) })
}

func (e entry) matches(o origin) bool {
	if e.null || e.scheme != "" && e.scheme != o.scheme || e.port != "" && e.port != o.port {
		return false
	}
	return e.self && e.host == o.host || e.under && o.host.under(e.host)
}

// parseEntry reads one entry: null, host, *.host or a full origin; all but null
// may end with a port.
func parseEntry(text string) (entry, error) {
	switch {
	case text == "":
		return entry{}, errors.New("an empty entry allows nobody; write * alone to allow everybody")
	case text == "null":
		return entry{null: true}, nil
	case strings.Contains(text, "://"):
		o, err := parseOrigin(text)
		if err != nil {
			return entry{}, err
		}
		return entry{scheme: o.scheme, host: o.host, port: o.port, self: true}, nil
	}
	name, subdomainsOnly := strings.CutPrefix(text, "*.")
	if strings.HasPrefix(name, ".") {
		return entry{}, fmt.Errorf("begins with a dot; write *.%s for its subdomains only", strings.TrimLeft(name, "."))
	}
	h, port, err := parseHostPort(name)
	if err != nil {
		return entry{}, err
	}
	if subdomainsOnly && h.address {
		return entry{}, errors.New("an address has no subdomains")
	}
	return entry{host: h, port: port, under: !h.address, self: !subdomainsOnly}, nil
}
