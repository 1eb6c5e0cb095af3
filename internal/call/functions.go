package call

import (
	"encoding/json"
	"strconv"
	"strings"
)

// A Hook is a moment at which an endpoint runs a function, by its key in the
// YAML.
type Hook string

// The hooks of a WebSocketHandler, and Function, that of a FunctionHandler.
const (
	Open              Hook = "open"
	OnMessage         Hook = "on_message"
	OnClose           Hook = "on_close"
	OnPong            Hook = "on_pong"
	SelectSubprotocol Hook = "select_subprotocol"
	Function          Hook = "function"
)

// Condition is the hook of an endpoint's auth.condition: whether who asks may.
const Condition Hook = "auth.condition"

const validate = "validate."

// Validate returns the hook of an endpoint's validate: by its place, from 0.
func Validate(place int) Hook { return Hook(validate + strconv.Itoa(place)) }

// Judges reports whether the function of h decides about a handshake or
// request: what counts is whether its value is true, as its language has it.
// Any endpoint may have such hooks.
func (h Hook) Judges() bool { return h == Condition || strings.HasPrefix(string(h), validate) }

// Vars returns the names of the variables that functions of this hook see, in
// the order in which a bare module.function receives them.
func (h Hook) Vars() []string {
	switch h {
	case OnMessage:
		return []string{"handler", "message"}
	case OnPong:
		return []string{"handler", "data"}
	case SelectSubprotocol:
		return []string{"handler", "subprotocols"}
	}
	return []string{"handler"}
}

// Functions are functions of one endpoint, as written, which run in one runtime.
// Those that judge are Functions of their own, with the same Endpoint, Kwargs and
// Runtime, so that they run where their own texts say.
type Functions struct {
	Endpoint string          // its name under url:
	Kwargs   json.RawMessage // the endpoint's kwargs, for handler.kwargs; an object
	Runtime  string          // runtime: of the endpoint or the app; "" leaves the choice to the text
	Hooks    map[Hook]Pipeline
}

// A Pipeline is what one hook runs: its steps one after the other. The value
// of a named step is a variable of the later ones; the last value is the
// pipeline's. A single function is a pipeline of one step.
type Pipeline []Step

// A Step is one expression of a pipeline.
type Step struct {
	Name     string          // name: of the step; "" for none
	Function string          // the expression's text
	Args     json.RawMessage // args: as a JSON list; nil where there is none
	Kwargs   json.RawMessage // kwargs: as a JSON object; nil where there is none
	Where    string          // "gramex.yaml:9:19", where Function stands
	Begin    string          // likewise, where its first character does: behind a quotation mark
}
