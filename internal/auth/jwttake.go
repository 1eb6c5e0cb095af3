package auth

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// ErrAmbiguous is the error of a request that carries more than one token or
// ticket. It is answered with 400: which of them counts is anybody's guess.
var ErrAmbiguous = errors.New("more than one token or ticket in the request")

// Sources are the places of a request where tokens are looked for.
type Sources struct {
	Header      bool // Authorization: Bearer …
	Query       bool // ?token=…
	Subprotocol bool // Sec-WebSocket-Protocol: bearer.…
}

// Take takes the token out of r: rest is a copy of r without it, for functions
// and logs; r itself is not changed. If there is none in the places that count,
// token is "" and rest is r. The error is ErrAmbiguous, or an ErrToken if the
// place of the token is there and empty; rest holds no token then either.
func (s Sources) Take(r *http.Request) (token string, rest *http.Request, err error) {
	var found []string
	rest = r
	if s.Header {
		tokens, others := bearerTokens(r.Header["Authorization"])
		rest = withHeader(rest, "Authorization", others, len(tokens) > 0)
		found = append(found, tokens...)
	}
	if s.Subprotocol {
		tokens, others := bearerProtocols(r.Header["Sec-Websocket-Protocol"])
		rest = withHeader(rest, "Sec-Websocket-Protocol", others, len(tokens) > 0)
		found = append(found, tokens...)
	}
	if s.Query {
		var tokens []string
		tokens, rest = takeQuery(rest, "token")
		found = append(found, tokens...)
	}
	switch {
	case len(found) == 0:
		return "", r, nil
	case len(found) > 1:
		return "", rest, ErrAmbiguous
	case found[0] == "":
		return "", rest, refuse("it is empty")
	}
	return found[0], rest, nil
}

// TakeTicket takes ?ticket=… out of r, as Take does a token.
func TakeTicket(r *http.Request) (ticket string, rest *http.Request, err error) {
	found, rest := takeQuery(r, "ticket")
	switch {
	case len(found) == 0:
		return "", r, nil
	case len(found) > 1:
		return "", rest, ErrAmbiguous
	case found[0] == "":
		return "", rest, refuseTicket("it is empty")
	}
	return found[0], rest, nil
}

// withHeader is r if the header is to stay as it is, else a copy of r with
// other values.
func withHeader(r *http.Request, name string, values []string, change bool) *http.Request {
	if !change {
		return r
	}
	r = r.WithContext(r.Context()) // a shallow copy
	r.Header = r.Header.Clone()
	if len(values) == 0 {
		delete(r.Header, name)
	} else {
		r.Header[name] = values
	}
	return r
}

// bearerTokens are the tokens (RFC 6750 §2.1) in lines of Authorization, and
// the lines without one. The scheme's case does not count.
func bearerTokens(lines []string) (tokens, others []string) {
	for _, line := range lines {
		scheme, token := strings.TrimSpace(line), ""
		if end := strings.IndexAny(scheme, " \t"); end >= 0 {
			scheme, token = scheme[:end], strings.TrimSpace(scheme[end:])
		}
		if strings.EqualFold(scheme, "Bearer") {
			tokens = append(tokens, token)
		} else {
			others = append(others, line)
		}
	}
	return tokens, others
}

// bearerProtocols are the tokens among the subprotocols that lines offer, and
// the lines without them.
func bearerProtocols(lines []string) (tokens, others []string) {
	const prefix = "bearer."
	for _, line := range lines {
		var kept []string
		before := len(tokens)
		for item := range strings.SplitSeq(line, ",") {
			name := strings.TrimSpace(item)
			if len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
				tokens = append(tokens, name[len(prefix):])
			} else {
				kept = append(kept, item)
			}
		}
		if len(tokens) > before {
			line = strings.TrimSpace(strings.Join(kept, ","))
		}
		if len(kept) > 0 {
			others = append(others, line)
		}
	}
	return tokens, others
}

// takeQuery takes the parameters of one name out of r's query: their values,
// and r itself if there are none, else a copy without them. A value that is
// wrongly escaped is taken as it stands, and will be no token.
func takeQuery(r *http.Request, name string) (values []string, rest *http.Request) {
	if r.URL.RawQuery == "" {
		return nil, r
	}
	var kept []string
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		key, value, _ := strings.Cut(part, "=")
		if unescaped, err := url.QueryUnescape(key); err != nil || unescaped != name {
			kept = append(kept, part)
			continue
		}
		if unescaped, err := url.QueryUnescape(value); err == nil {
			value = unescaped
		}
		values = append(values, value)
	}
	if len(values) == 0 {
		return nil, r
	}
	query := strings.Join(kept, "&")
	rest = r.WithContext(r.Context()) // a shallow copy
	u := *r.URL
	u.RawQuery, u.ForceQuery = query, false
	rest.URL = &u
	if path, _, has := strings.Cut(r.RequestURI, "?"); has {
		rest.RequestURI = path
		if query != "" {
			rest.RequestURI += "?" + query
		}
	}
	rest.Form = nil // may have been read from the old query
	return values, rest
}
