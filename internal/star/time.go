package star

import (
	"fmt"
	"maps"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// timeModule is Starlark's own, with Python's time.time and time.monotonic.
var timeModule = newTimeModule(time.Now())

func newTimeModule(began time.Time) *starlarkstruct.Module {
	members := maps.Clone(startime.Module.Members)
	members["time"] = clock("time", func() float64 { return float64(time.Now().UnixNano()) / 1e9 })
	members["monotonic"] = clock("monotonic", func() float64 { return time.Since(began).Seconds() })
	members["datetime"] = startime.Module.Members["time"]
	return &starlarkstruct.Module{Name: "time", Members: members}
}

func clock(name string, read func() float64) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
			return nil, err
		}
		return starlark.Float(read()), nil
	})
}

// seconds reads a time span, a number of seconds, which is at least least.
func seconds(what string, value starlark.Value, least time.Duration) (time.Duration, error) {
	f, ok := starlark.AsFloat(value)
	if !ok {
		return 0, fmt.Errorf("%s: seconds must be a number, not %s", what, value.Type())
	}
	const most = 1e9 // three decades
	if !(f >= least.Seconds() && f <= most) {
		return 0, fmt.Errorf("%s: %v seconds are not from %v to %v", what, value, least.Seconds(), int(most))
	}
	return time.Duration(f * float64(time.Second)), nil
}
