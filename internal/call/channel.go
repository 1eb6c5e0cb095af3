package call

import (
	"errors"
	"strings"
)

var errReserved = errors.New("a channel's name cannot begin with a NUL character: such names are Parley's own")

// CheckChannel says why a function cannot use a channel of that name. Effects
// ignore it, which functions would not notice.
func CheckChannel(name string) error {
	if strings.HasPrefix(name, "\x00") {
		return errReserved
	}
	return nil
}
