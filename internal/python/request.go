package python

import (
	"encoding/binary"
	"encoding/json"
	"maps"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// openHead is the head of OPEN and CALL.
type openHead struct {
	Endpoint     string             `json:"endpoint"`
	ID           string             `json:"id"`
	User         *parley.User       `json:"user,omitempty"` // by token or ticket
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
	if info.User != nil {
		head.User = &info.User
	}
	headText, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	request, err := json.Marshal(call.NewRequest(info.Request, info.Body))
	if err != nil {
		return nil, err
	}
	payload := make([]byte, 0, 4+len(headText)+len(request))
	payload = binary.LittleEndian.AppendUint32(payload, uint32(len(headText)))
	payload = append(payload, headText...)
	return append(payload, request...), nil
}
