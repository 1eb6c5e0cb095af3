package python

import (
	"encoding/json"

	"parley.example/parley/internal/call"
)

const linkVersion = 3 // of docs/protocols/link.md

// configJSON is CONFIG, the first row that a worker gets.
type configJSON struct {
	Version   int            `json:"version"`
	Name      string         `json:"name"`
	Dirs      []string       `json:"dirs"`
	Path      []string       `json:"path"`
	Endpoints []endpointJSON `json:"endpoints"`
}

type endpointJSON struct {
	Name   string                   `json:"name"`
	Kwargs json.RawMessage          `json:"kwargs"`
	Hooks  map[call.Hook][]stepJSON `json:"hooks"`
}

type stepJSON struct {
	Name     string          `json:"name"`
	Function string          `json:"function"`
	Args     json.RawMessage `json:"args"`
	Kwargs   json.RawMessage `json:"kwargs"`
	Where    string          `json:"where"`
}

func newEndpointJSON(f call.Functions) endpointJSON {
	e := endpointJSON{Name: f.Endpoint, Kwargs: f.Kwargs, Hooks: map[call.Hook][]stepJSON{}}
	if len(e.Kwargs) == 0 {
		e.Kwargs = json.RawMessage("{}")
	}
	for hook, pipeline := range f.Hooks {
		steps := []stepJSON{}
		for _, s := range pipeline {
			steps = append(steps, stepJSON{
				Name: s.Name, Function: s.Function, Args: orNull(s.Args), Kwargs: orNull(s.Kwargs), Where: s.Where,
			})
		}
		e.Hooks[hook] = steps
	}
	return e
}

// orNull is text, or JSON's null where there is none.
func orNull(text json.RawMessage) json.RawMessage {
	if len(text) == 0 {
		return json.RawMessage("null")
	}
	return text
}

// loadedJSON is LOADED and RELOADED: what the worker could import.
type loadedJSON struct {
	Version  int               `json:"version"`
	Python   string            `json:"python"`
	PID      int               `json:"pid"`
	Modules  map[string]string `json:"modules"`
	Faults   []call.Fault      `json:"faults"`
	Reloaded []string          `json:"reloaded"` // RELOADED only
	Failed   map[string]string `json:"failed"`   // RELOADED only: tracebacks by module
}

func decodeLoaded(payload []byte) (loadedJSON, error) {
	var l loadedJSON
	if err := json.Unmarshal(payload, &l); err != nil {
		return l, rowErrorf("LOADED: %s", err)
	}
	if l.Version != linkVersion {
		return l, rowErrorf("the worker speaks version %d, the server %d", l.Version, linkVersion)
	}
	return l, nil
}
