package star

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// maxBits is how large whole numbers may become by pow and round.
const maxBits = 1 << 16

func divMod(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var x, y starlark.Value
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 2, &x, &y); err != nil {
		return nil, err
	}
	if !isNumber(x) || !isNumber(y) {
		return nil, fmt.Errorf("divmod: want two numbers, not %s and %s", x.Type(), y.Type())
	}
	quotient, err := starlark.Binary(syntax.SLASHSLASH, x, y)
	if err != nil {
		return nil, err
	}
	rest, err := starlark.Binary(syntax.PERCENT, x, y)
	return starlark.Tuple{quotient, rest}, err
}

func isNumber(value starlark.Value) bool {
	_, ok := starlark.AsFloat(value)
	return ok
}

// inBase is bin, oct or hex.
func inBase(base int, prefix string) func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	return func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var x starlark.Int
		if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &x); err != nil {
			return nil, err
		}
		sign, n := "", x.BigInt()
		if n.Sign() < 0 {
			sign = "-"
		}
		return starlark.String(sign + prefix + n.Abs(n).Text(base)), nil
	}
}

func power(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var base, exp starlark.Value
	var mod starlark.Value = starlark.None
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "base", &base, "exp", &exp, "mod?", &mod); err != nil {
		return nil, err
	}
	x, okX := base.(starlark.Int)
	y, okY := exp.(starlark.Int)
	if mod != starlark.None {
		m, okM := mod.(starlark.Int)
		if !okX || !okY || !okM {
			return nil, errors.New("pow: with three arguments all must be int")
		}
		return powerOfMod(x.BigInt(), y.BigInt(), m.BigInt())
	}
	if okX && okY && y.Sign() >= 0 {
		return powerOfInts(x.BigInt(), y.BigInt())
	}
	f, okF := starlark.AsFloat(base)
	g, okG := starlark.AsFloat(exp)
	switch {
	case !okF || !okG:
		return nil, fmt.Errorf("pow: want numbers, not %s and %s", base.Type(), exp.Type())
	case f == 0 && g < 0:
		return nil, errors.New("pow: zero to a negative power")
	case f < 0 && !math.IsInf(f, 0) && g != math.Trunc(g):
		return nil, errors.New("pow: a negative number to a broken power is no real number")
	}
	result := math.Pow(f, g)
	if math.IsInf(result, 0) && !math.IsInf(f, 0) && !math.IsInf(g, 0) {
		return nil, errors.New("pow: the result is too large for a float")
	}
	return starlark.Float(result), nil
}

func powerOfInts(x, y *big.Int) (starlark.Value, error) {
	if x.BitLen() > 1 && (!y.IsInt64() || y.Int64() > maxBits/int64(x.BitLen()-1)) {
		return nil, fmt.Errorf("pow: the result has more than %d bits", maxBits)
	}
	if x.BitLen() <= 1 { // 0, 1 and -1, to any power
		even := big.NewInt(int64(2 * y.Sign()))
		y = even.Add(even, big.NewInt(int64(y.Bit(0))))
	}
	return starlark.MakeBigInt(new(big.Int).Exp(x, y, nil)), nil
}

func powerOfMod(x, y, m *big.Int) (starlark.Value, error) {
	if m.Sign() == 0 {
		return nil, errors.New("pow: the third argument is 0")
	}
	if y.Sign() < 0 {
		if x = new(big.Int).ModInverse(x, m); x == nil {
			return nil, errors.New("pow: there is no such number with this third argument")
		}
		y = new(big.Int).Neg(y)
	}
	result := new(big.Int).Exp(x, y, new(big.Int).Abs(m))
	if result.Sign() != 0 && m.Sign() < 0 {
		result.Add(result, m)
	}
	return starlark.MakeBigInt(result), nil
}

// round is Python's: halves go to the even neighbour, and what counts is the
// number that a float is, not the digits it is written with.
func round(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var value starlark.Value
	var digits starlark.Value = starlark.None
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "number", &value, "ndigits?", &digits); err != nil {
		return nil, err
	}
	n := 0
	if digits != starlark.None {
		var err error
		if n, err = starlark.AsInt32(digits); err != nil {
			return nil, fmt.Errorf("round: ndigits: %w", err)
		}
	}
	switch x := value.(type) {
	case starlark.Int:
		if n >= 0 {
			return x, nil
		}
		rounded := roundTo(new(big.Rat).SetInt(x.BigInt()), n)
		return starlark.MakeBigInt(rounded), nil
	case starlark.Float:
		return roundFloat(float64(x), n, digits == starlark.None)
	}
	return nil, fmt.Errorf("round: want a number, not %s", value.Type())
}

// roundFloat returns an int if whole is true.
func roundFloat(x float64, n int, whole bool) (starlark.Value, error) {
	switch special := math.IsNaN(x) || math.IsInf(x, 0); {
	case special && whole:
		return nil, fmt.Errorf("round: %v is no whole number", x)
	case special || n > 400:
		return starlark.Float(x), nil
	case whole:
		return starlark.MakeBigInt(roundTo(new(big.Rat).SetFloat64(x), 0)), nil
	case n < 0:
		rounded, _ := new(big.Float).SetInt(roundTo(new(big.Rat).SetFloat64(x), n)).Float64()
		return starlark.Float(math.Copysign(rounded, x)), nil
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'f', n, 64), 64)
	return starlark.Float(rounded), err
}

// roundTo rounds x to a multiple of ten to the power of -n, which is at least 1.
func roundTo(x *big.Rat, n int) *big.Int {
	if -n > maxBits/3 {
		return new(big.Int)
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-n)), nil)
	scaled := new(big.Rat).Quo(x, new(big.Rat).SetInt(unit))
	// The even neighbour of the half: (2a + b) / 2b, floored, less one if it was
	// exact and is odd.
	twice := new(big.Int).Lsh(scaled.Denom(), 1)
	above := new(big.Int).Lsh(scaled.Num(), 1)
	above.Add(above, scaled.Denom())
	floor, rest := new(big.Int).DivMod(above, twice, new(big.Int))
	if rest.Sign() == 0 && floor.Bit(0) == 1 {
		floor.Sub(floor, big.NewInt(1))
	}
	return floor.Mul(floor, unit)
}
