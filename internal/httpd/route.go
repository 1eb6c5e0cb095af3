package httpd

import (
	"net/http"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Route gives the paths that match a pattern to a function.
type Route struct {
	// Name is the endpoint's name.
	Name string

	// Pattern must match the whole path, decoded: it need not be anchored.
	Pattern *regexp.Regexp

	// Serve answers the request. groups are the values of the pattern's
	// groups, in order; nil took no part in the match.
	Serve func(w http.ResponseWriter, r *http.Request, groups []*string)

	// Pages says that Options.Pages wraps Serve: true for what does not
	// handle sessions itself.
	Pages bool

	// Socket says that Serve opens WebSockets: GET reaches it over HTTP/1 only,
	// and it has at most Options.MaxHandshakes requests at once.
	Socket bool
}

// wholePath returns the pattern that matches what p matches, if that is the
// whole text. Without the wrapping, a|ab would only find the a of "ab".
func wholePath(p *regexp.Regexp) *regexp.Regexp {
	if whole, err := regexp.Compile(`\A(?:` + p.String() + `)\z`); err == nil {
		return whole
	}
	// An open \Q swallows the bracket; the parsed form has none.
	if tree, err := syntax.Parse(p.String(), syntax.Perl); err == nil {
		if whole, err := regexp.Compile(`\A(?:` + tree.String() + `)\z`); err == nil {
			return whole
		}
	}
	return p // as deep as patterns may nest: match looks at the ends itself
}

// match returns the groups of a pattern if it matches the whole path.
func match(pattern *regexp.Regexp, path string) (groups []*string, ok bool) {
	at := pattern.FindStringSubmatchIndex(path)
	if at == nil || at[0] != 0 || at[1] != len(path) {
		return nil, false
	}
	for i := 2; i < len(at); i += 2 {
		if at[i] < 0 {
			groups = append(groups, nil)
			continue
		}
		value := path[at[i]:at[i+1]]
		groups = append(groups, &value)
	}
	return groups, true
}

// paged makes a route's function go through the wrapping of pages.
func paged(
	serve func(http.ResponseWriter, *http.Request, []*string),
	pages func(http.Handler) http.Handler,
) func(http.ResponseWriter, *http.Request, []*string) {
	return func(w http.ResponseWriter, r *http.Request, groups []*string) {
		pages(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			serve(w, r, groups)
		})).ServeHTTP(w, r)
	}
}

// decent reports whether a decoded path may be shown to functions: it begins
// with a slash, is UTF-8 without control characters, and has no ".." step.
func decent(path string) bool {
	if !strings.HasPrefix(path, "/") || !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl) {
		return false
	}
	for step := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if step == ".." {
			return false
		}
	}
	return true
}
