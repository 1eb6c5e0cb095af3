package python

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"parley.example/parley/internal/call"
)

// openHead is the head of OPEN and CALL.
type openHead struct {
	Endpoint     string             `json:"endpoint"`
	ID           string             `json:"id"`
	Session      openSession        `json:"session"`
	Subprotocol  string             `json:"subprotocol"`
	Subprotocols []string           `json:"subprotocols"`
	PathArgs     []*string          `json:"path_args"`
	PathKwargs   map[string]*string `json:"path_kwargs"`
}

type openSession struct {
	ID     string                     `json:"id"`
	Values map[string]json.RawMessage `json:"values"`
}

// requestJSON is the request as handler.request reads it. The worker parses it
// only when a function looks at it.
type requestJSON struct {
	Method   string      `json:"method"`
	URI      string      `json:"uri"`
	Path     string      `json:"path"`
	Query    string      `json:"query"`
	Host     string      `json:"host"`
	Protocol string      `json:"protocol"`
	RemoteIP string      `json:"remote_ip"`
	Headers  [][2]string `json:"headers"` // in the order of their names
	Body     []byte      `json:"body"`
}

// encodeOpen returns the payload of OPEN, and of CALL after its first fields.
// values are those of the session.
func encodeOpen(info call.Info, endpoint string, values map[string]json.RawMessage) ([]byte, error) {
	if values == nil {
		values = map[string]json.RawMessage{}
	}
	head := openHead{
		Endpoint:     endpoint,
		ID:           info.Conn.String(),
		Session:      openSession{ID: info.Session.ID(), Values: values},
		Subprotocol:  info.Subprotocol,
		Subprotocols: append([]string{}, info.Subprotocols...),
		PathArgs:     append([]*string{}, info.PathArgs...),
		PathKwargs:   map[string]*string{},
	}
	maps.Copy(head.PathKwargs, info.PathKwargs)
	headText, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	request, err := json.Marshal(newRequestJSON(info.Request, info.Body))
	if err != nil {
		return nil, err
	}
	payload := make([]byte, 0, 4+len(headText)+len(request))
	payload = binary.LittleEndian.AppendUint32(payload, uint32(len(headText)))
	payload = append(payload, headText...)
	return append(payload, request...), nil
}

func newRequestJSON(r *http.Request, body []byte) requestJSON {
	uri := r.RequestURI
	if !strings.HasPrefix(uri, "/") { // made by a test, or in the form that proxies get
		uri = r.URL.RequestURI()
	}
	path, query, _ := strings.Cut(uri, "?")
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	protocol := r.URL.Scheme
	if protocol == "" {
		protocol = "http"
	}
	out := requestJSON{
		Method:   r.Method,
		URI:      toText8(uri),
		Path:     toText8(path),
		Query:    toText8(query),
		Host:     toText8(r.Host),
		Protocol: protocol,
		RemoteIP: ip,
		Headers:  [][2]string{},
		Body:     append([]byte{}, body...),
	}
	header := r.Header
	if header.Get("Host") == "" && r.Host != "" { // net/http takes it out
		header = header.Clone()
		if header == nil {
			header = http.Header{}
		}
		header.Set("Host", r.Host)
	}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			out.Headers = append(out.Headers, [2]string{toText8(name), toText8(value)})
		}
	}
	return out
}

// toText8 makes octets of a request line or header into text: UTF-8 if they
// are, else Latin-1, so that none is lost (RFC 9110 §5.5).
func toText8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}
