package star

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// randomModule is the part of Python's random that people use. It is not for
// secrets.
var randomModule = &starlarkstruct.Module{Name: "random", Members: starlark.StringDict{
	"random":  starlark.NewBuiltin("random", random),
	"uniform": starlark.NewBuiltin("uniform", uniform),
	"randint": starlark.NewBuiltin("randint", randint),
	"choice":  starlark.NewBuiltin("choice", choice),
	"choices": starlark.NewBuiltin("choices", choices),
	"sample":  starlark.NewBuiltin("sample", sample),
	"shuffle": starlark.NewBuiltin("shuffle", shuffle),
}}

func random(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
		return nil, err
	}
	return starlark.Float(rand.Float64()), nil
}

func uniform(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var low, high starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "a", &low, "b", &high); err != nil {
		return nil, err
	}
	from, okLow := starlark.AsFloat(low)
	to, okHigh := starlark.AsFloat(high)
	if !okLow || !okHigh {
		return nil, errors.New("uniform: a and b must be numbers")
	}
	return starlark.Float(from + (to-from)*rand.Float64()), nil
}

func randint(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var low, high int64
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "a", &low, "b", &high); err != nil {
		return nil, err
	}
	if low > high {
		return nil, fmt.Errorf("randint: the range from %d to %d is empty", low, high)
	}
	n := uint64(high-low) + 1 // 0 is all of 64 bits
	if n == 0 {
		return starlark.MakeInt64(int64(rand.Uint64())), nil
	}
	return starlark.MakeInt64(low + int64(rand.Uint64N(n))), nil
}

func choice(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var seq starlark.Indexable
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "seq", &seq); err != nil {
		return nil, err
	}
	if seq.Len() == 0 {
		return nil, errors.New("choice: the sequence is empty")
	}
	return seq.Index(rand.IntN(seq.Len())), nil
}

func choices(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var seq starlark.Indexable
	k := 1
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "population", &seq, "k?", &k); err != nil {
		return nil, err
	}
	if seq.Len() == 0 {
		return nil, errors.New("choices: the population is empty")
	}
	var items []starlark.Value
	for range k {
		if err := spend(thread); err != nil {
			return nil, err
		}
		items = append(items, seq.Index(rand.IntN(seq.Len())))
	}
	return starlark.NewList(items), nil
}

func sample(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var seq starlark.Indexable
	var k int
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "population", &seq, "k", &k); err != nil {
		return nil, err
	}
	if k < 0 || k > seq.Len() {
		return nil, fmt.Errorf("sample: %d of %d items", k, seq.Len())
	}
	items := make([]starlark.Value, k)
	for i, at := range rand.Perm(seq.Len())[:k] {
		items[i] = seq.Index(at)
	}
	return starlark.NewList(items), nil
}

func shuffle(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var list *starlark.List
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "x", &list); err != nil {
		return nil, err
	}
	for i := list.Len() - 1; i > 0; i-- {
		j := rand.IntN(i + 1)
		a, b := list.Index(i), list.Index(j)
		if err := list.SetIndex(i, b); err != nil {
			return nil, err
		}
		_ = list.SetIndex(j, a) // as the one before
	}
	return starlark.None, nil
}
