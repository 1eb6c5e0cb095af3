package star

import (
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// A requestValue is handler.request. It is frozen.
type requestValue struct{ fields starlark.StringDict }

var _ starlark.HasAttrs = (*requestValue)(nil)

func (r *requestValue) String() string {
	return fmt.Sprintf("<request %s %s>", asText(r.fields["method"]), asText(r.fields["uri"]))
}
func (r *requestValue) Type() string                             { return "request" }
func (r *requestValue) Freeze()                                  {}
func (r *requestValue) Truth() starlark.Bool                     { return true }
func (r *requestValue) Hash() (uint32, error)                    { return 0, errors.New("unhashable: request") }
func (r *requestValue) Attr(name string) (starlark.Value, error) { return r.fields[name], nil }
func (r *requestValue) AttrNames() []string                      { return r.fields.Keys() }

func asText(v starlark.Value) string {
	s, _ := starlark.AsString(v)
	return s
}

// requestValue makes handler.request when it is first looked at.
func (h *handler) requestValue() (starlark.Value, error) {
	if h.parsed != nil {
		return h.parsed, nil
	}
	r := &h.request
	query := parseArguments(r.Query)
	form := url.Values{}
	headers, cookies := &headersValue{dict: &starlark.Dict{}}, &starlark.Dict{}
	for _, pair := range r.Headers {
		headers.add(pair[0], pair[1])
		switch {
		case strings.EqualFold(pair[0], "Cookie"):
			for _, c := range parseCookies(pair[1]) {
				_ = cookies.SetKey(starlark.String(c.Name), starlark.String(c.Value)) // it is not frozen
			}
		case strings.EqualFold(pair[0], "Content-Type"):
			if kind, _, _ := mime.ParseMediaType(pair[1]); kind == "application/x-www-form-urlencoded" {
				form = parseArguments(string(r.Body))
			}
		}
	}
	all := url.Values{}
	for _, values := range []url.Values{query, form} {
		for name, list := range values {
			all[name] = append(all[name], list...)
		}
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	h.args = argumentsOf(all, false)
	fields := starlark.StringDict{
		"method": starlark.String(r.Method), "uri": starlark.String(r.URI), "path": starlark.String(r.Path),
		"query": starlark.String(r.Query), "host": starlark.String(r.Host), "host_name": starlark.String(host),
		"protocol": starlark.String(r.Protocol), "remote_ip": starlark.String(r.RemoteIP), "version": starlark.String("HTTP/1.1"),
		"headers": headers, "cookies": cookies, "body": starlark.Bytes(r.Body),
		"query_arguments": argumentsOf(query, true), "body_arguments": argumentsOf(form, true), "arguments": argumentsOf(all, true),
	}
	full := starlark.String(r.Protocol + "://" + r.Host + r.URI)
	fields["full_url"] = starlark.NewBuiltin("full_url", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		return full, nil
	})
	fields.Freeze()
	h.parsed = &requestValue{fields}
	return h.parsed, nil
}

// parseArguments reads a query string or form. What cannot be read is left out.
func parseArguments(text string) url.Values {
	values := url.Values{}
	for part := range strings.SplitSeq(text, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, errName := url.QueryUnescape(name)
		value, errValue := url.QueryUnescape(value)
		if errName == nil && errValue == nil {
			values[name] = append(values[name], value)
		}
	}
	return values
}

// argumentsOf makes {name: [values]}, of bytes or of texts.
func argumentsOf(values url.Values, octets bool) starlark.Value {
	dict := &starlark.Dict{}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		list := make([]starlark.Value, len(values[name]))
		for i, value := range values[name] {
			if octets {
				list[i] = starlark.Bytes(value)
			} else {
				list[i] = starlark.String(strings.ToValidUTF8(value, "\uFFFD"))
			}
		}
		_ = dict.SetKey(starlark.String(strings.ToValidUTF8(name, "\uFFFD")), starlark.NewList(list)) // it is not frozen
	}
	return dict
}

func parseCookies(line string) []*http.Cookie {
	return (&http.Request{Header: http.Header{"Cookie": {line}}}).Cookies()
}

// headersValue is the headers of a request: a dictionary whose keys may be
// written in any letter case.
type headersValue struct{ dict *starlark.Dict }

var _ starlark.IterableMapping = (*headersValue)(nil)

func (v *headersValue) add(name, value string) {
	key := starlark.String(http.CanonicalHeaderKey(name))
	if before, found, _ := v.dict.Get(key); found {
		value = asText(before) + "," + value
	}
	_ = v.dict.SetKey(key, starlark.String(value)) // it is not frozen
}

func (v *headersValue) String() string             { return v.dict.String() }
func (v *headersValue) Type() string               { return "headers" }
func (v *headersValue) Freeze()                    { v.dict.Freeze() }
func (v *headersValue) Truth() starlark.Bool       { return v.dict.Truth() }
func (v *headersValue) Hash() (uint32, error)      { return v.dict.Hash() }
func (v *headersValue) Iterate() starlark.Iterator { return v.dict.Iterate() }
func (v *headersValue) Items() []starlark.Tuple    { return v.dict.Items() }
func (v *headersValue) Len() int                   { return v.dict.Len() }
func (v *headersValue) AttrNames() []string        { return []string{"get", "items", "keys", "values"} }

func (v *headersValue) Get(key starlark.Value) (starlark.Value, bool, error) {
	name, ok := starlark.AsString(key)
	if !ok {
		return nil, false, nil
	}
	return v.dict.Get(starlark.String(http.CanonicalHeaderKey(name)))
}

func (v *headersValue) Attr(name string) (starlark.Value, error) {
	if !slices.Contains(v.AttrNames(), name) {
		return nil, nil
	}
	if name == "get" {
		return getMethod(v), nil
	}
	return v.dict.Attr(name)
}

// getMethod is get(key, default=None) of a mapping.
func getMethod(m starlark.Mapping) starlark.Value {
	return starlark.NewBuiltin("get", func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var key, otherwise starlark.Value = nil, starlark.None
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "key", &key, "default?", &otherwise); err != nil {
			return nil, err
		}
		value, found, err := m.Get(key)
		if !found {
			value = otherwise
		}
		return value, err
	})
}

func (h *handler) argsValue() (starlark.Value, error) {
	_, err := h.requestValue()
	return h.args, err
}

// arguments returns the values of one argument of the URL or form.
func (h *handler) arguments(name string) []starlark.Value {
	all, _ := h.argsValue()
	list, found, _ := all.(*starlark.Dict).Get(starlark.String(name))
	if !found {
		return nil
	}
	values, ok := list.(*starlark.List)
	if !ok {
		return nil
	}
	return slices.Collect(values.Elements())
}

func getArg(h *handler, _ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	var otherwise starlark.Value
	var first bool
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name, "default?", &otherwise, "first?", &first); err != nil {
		return nil, err
	}
	return h.argument(name, otherwise, first)
}

func (h *handler) argument(name string, otherwise starlark.Value, first bool) (starlark.Value, error) {
	values := h.arguments(name)
	switch {
	case len(values) > 0 && first:
		return values[0], nil
	case len(values) > 0:
		return values[len(values)-1], nil
	case otherwise != nil:
		return otherwise, nil
	}
	return nil, &missingArgumentError{name}
}

// A missingArgumentError is what a function gets that needs an argument which
// the URL lacks. It refuses a page's request with 400.
type missingArgumentError struct{ name string }

func (e *missingArgumentError) Error() string { return "missing argument " + e.name }

func getArgument(h *handler, _ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	var otherwise starlark.Value
	strip := true
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name, "default?", &otherwise, "strip?", &strip); err != nil {
		return nil, err
	}
	value, err := h.argument(name, otherwise, false)
	if text, ok := value.(starlark.String); ok && strip {
		value = starlark.String(strings.TrimSpace(string(text)))
	}
	return value, err
}

func getArguments(h *handler, _ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	strip := true
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name, "strip?", &strip); err != nil {
		return nil, err
	}
	values := h.arguments(name)
	for i, value := range values {
		if strip {
			values[i] = starlark.String(strings.TrimSpace(asText(value)))
		}
	}
	return starlark.NewList(values), nil
}

func getCookie(h *handler, _ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	var otherwise starlark.Value = starlark.None
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name, "default?", &otherwise); err != nil {
		return nil, err
	}
	if _, err := h.requestValue(); err != nil {
		return nil, err
	}
	value, found, err := h.parsed.fields["cookies"].(*starlark.Dict).Get(starlark.String(name))
	if !found {
		value = otherwise
	}
	return value, err
}
