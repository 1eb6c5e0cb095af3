package call

import (
	"log/slog"
	"slices"
)

// A Fault is a function that cannot run now, because its module does not load
// or has no such function. Its endpoint answers 503 until a saved file repairs
// it.
type Fault struct {
	Endpoint  string `json:"endpoint"`
	Hook      Hook   `json:"hook"`
	Where     string `json:"where"` // "gramex.yaml:9:19"
	Message   string `json:"message"`
	Traceback string `json:"traceback"` // "" if there is none
}

// LogFaults logs which faults have come, and which endpoints serve again.
func LogFaults(log *slog.Logger, before, now []Fault) {
	faulty := map[string]bool{}
	for _, fault := range now {
		faulty[fault.Endpoint] = true
		if !slices.Contains(before, fault) {
			log.Error("endpoint does not serve", "endpoint", fault.Endpoint, "hook", string(fault.Hook),
				"where", fault.Where, "err", fault.Message, "traceback", fault.Traceback)
		}
	}
	said := map[string]bool{}
	for _, fault := range before {
		if !faulty[fault.Endpoint] && !said[fault.Endpoint] {
			said[fault.Endpoint] = true
			log.Info("endpoint serves again", "endpoint", fault.Endpoint)
		}
	}
}
