package star

import (
	starmath "go.starlark.net/lib/math"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

const (
	lessToken = syntax.LT
	plusToken = syntax.PLUS
)

// predeclared are the names that Starlark has here besides its own.
var predeclared = starlark.StringDict{
	"json":   jsonModule,
	"math":   starmath.Module,
	"time":   timeModule,
	"random": randomModule,
	"signal": starlark.NewBuiltin("signal", newSignal),
	"every":  starlark.NewBuiltin("every", startEvery),
	"after":  starlark.NewBuiltin("after", startAfter),
	"app":    appValue{},
}
