package star

import (
	"fmt"
	"net/http"
	"strings"

	"go.starlark.net/starlark"
)

// What functions of pages do with their answer.

func setStatus(h *handler, _ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var status int
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "status", &status); err != nil {
		return nil, err
	}
	return starlark.None, h.setStatus(status)
}

func (h *handler) setStatus(status int) error {
	if status < 200 || status > 599 {
		return fmt.Errorf("set_status: %d is no status of an answer: use 200 to 599", status)
	}
	h.status = status
	return nil
}

func addHeader(h *handler, _ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	name, value, err := header(b, args, kwargs)
	if err != nil {
		return nil, err
	}
	h.headers = append(h.headers, [2]string{name, value})
	return starlark.None, nil
}

func setHeader(h *handler, _ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	name, value, err := header(b, args, kwargs)
	if err != nil {
		return nil, err
	}
	h.setHeader(name, value)
	return starlark.None, nil
}

func (h *handler) setHeader(name, value string) {
	kept := h.headers[:0]
	for _, pair := range h.headers {
		if !strings.EqualFold(pair[0], name) {
			kept = append(kept, pair)
		}
	}
	h.headers = append(kept, [2]string{name, value})
}

// header reads the arguments of set_header and add_header.
func header(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (name, value string, err error) {
	var v starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name, "value", &v); err != nil {
		return "", "", err
	}
	if value, _ = starlark.AsString(v); value == "" {
		if _, ok := v.(starlark.String); !ok {
			value = v.String()
		}
	}
	if strings.ContainsFunc(name+value, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return "", "", fmt.Errorf("header %q: line breaks and control characters cannot be sent", name)
	}
	return name, value, nil
}

func redirect(h *handler, _ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var url string
	var permanent bool
	status := 0
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "url", &url, "permanent?", &permanent, "status?", &status); err != nil {
		return nil, err
	}
	if strings.ContainsFunc(url, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return nil, fmt.Errorf("redirect: control characters cannot be sent")
	}
	switch {
	case status != 0:
	case permanent:
		status = http.StatusMovedPermanently
	default:
		status = http.StatusFound
	}
	h.setHeader("Location", url)
	return starlark.None, h.setStatus(status)
}
