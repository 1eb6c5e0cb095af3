package star

import (
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
	"math":   mathModule,
	"time":   timeModule,
	"random": randomModule,
	"signal": starlark.NewBuiltin("signal", newSignal),
	"every":  starlark.NewBuiltin("every", startEvery),
	"after":  starlark.NewBuiltin("after", startAfter),
	"app":    appValue{},

	"bin":        starlark.NewBuiltin("bin", inBase(2, "0b")),
	"divmod":     starlark.NewBuiltin("divmod", divMod),
	"enumerate":  starlark.NewBuiltin("enumerate", enumerated),
	"filter":     starlark.NewBuiltin("filter", filter),
	"format":     starlark.NewBuiltin("format", format),
	"hex":        starlark.NewBuiltin("hex", inBase(16, "0x")),
	"isinstance": starlark.NewBuiltin("isinstance", isInstance),
	"map":        starlark.NewBuiltin("map", mapped),
	"max":        extreme("max"),
	"min":        extreme("min"),
	"oct":        starlark.NewBuiltin("oct", inBase(8, "0o")),
	"pow":        starlark.NewBuiltin("pow", power),
	"round":      starlark.NewBuiltin("round", round),
	"sum":        starlark.NewBuiltin("sum", sum),
}
