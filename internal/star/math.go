package star

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"

	starmath "go.starlark.net/lib/math"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// mathModule is Starlark's own, with more of Python's.
var mathModule = newMathModule()

func newMathModule() *starlarkstruct.Module {
	members := maps.Clone(starmath.Module.Members)
	members["inf"] = starlark.Float(math.Inf(1))
	members["nan"] = starlark.Float(math.NaN())
	members["tau"] = starlark.Float(2 * math.Pi)
	members["fmod"] = starmath.Module.Members["mod"]
	members["isnan"] = predicate("isnan", math.IsNaN)
	members["isinf"] = predicate("isinf", func(x float64) bool { return math.IsInf(x, 0) })
	members["isfinite"] = predicate("isfinite", func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) })
	members["log"] = starlark.NewBuiltin("log", natural)
	members["log2"] = logarithm("log2", math.Log2)
	members["log10"] = logarithm("log10", math.Log10)
	members["sqrt"] = starlark.NewBuiltin("sqrt", squareRoot)
	members["trunc"] = starlark.NewBuiltin("trunc", truncate)
	members["gcd"] = starlark.NewBuiltin("gcd", greatestDivisor)
	return &starlarkstruct.Module{Name: "math", Members: members}
}

func oneFloat(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (float64, error) {
	var value starlark.Value
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &value); err != nil {
		return 0, err
	}
	x, ok := starlark.AsFloat(value)
	if !ok {
		return 0, fmt.Errorf("%s: want a number, not %s", b.Name(), value.Type())
	}
	return x, nil
}

func predicate(name string, is func(float64) bool) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		x, err := oneFloat(b, args, kwargs)
		return starlark.Bool(is(x)), err
	})
}

func logarithm(name string, of func(float64) float64) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		x, err := oneFloat(b, args, kwargs)
		if err == nil && x <= 0 {
			err = fmt.Errorf("%s: %v is not above 0", name, x)
		}
		return starlark.Float(of(x)), err
	})
}

// natural is log(x), or log(x, base).
func natural(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	for _, arg := range args {
		if x, ok := starlark.AsFloat(arg); ok && x <= 0 {
			return nil, fmt.Errorf("log: %v is not above 0", arg)
		}
	}
	return starlark.Call(thread, starmath.Module.Members["log"], args, kwargs)
}

func squareRoot(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	x, err := oneFloat(b, args, kwargs)
	if err == nil && x < 0 {
		err = fmt.Errorf("sqrt: %v is below 0", x)
	}
	return starlark.Float(math.Sqrt(x)), err
}

func truncate(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var value starlark.Value
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &value); err != nil {
		return nil, err
	}
	if !isNumber(value) {
		return nil, fmt.Errorf("trunc: want a number, not %s", value.Type())
	}
	return starlark.NumberToInt(value) // towards 0
}

func greatestDivisor(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(kwargs) > 0 {
		return nil, errors.New("gcd: it takes no keywords")
	}
	divisor := new(big.Int)
	for _, arg := range args {
		x, ok := arg.(starlark.Int)
		if !ok {
			return nil, fmt.Errorf("gcd: want int, not %s", arg.Type())
		}
		n := x.BigInt()
		divisor.GCD(nil, nil, divisor, n.Abs(n))
	}
	return starlark.MakeBigInt(divisor), nil
}
