package session

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// TestValuesAreLikeAMap does the same to both, with few keys and with many.
func TestValuesAreLikeAMap(t *testing.T) {
	same := func(a, b json.RawMessage) bool { return string(a) == string(b) }
	for _, keys := range []int{1, 3, maxFew, maxFew + 1, 5 * maxFew} {
		r := rand.New(rand.NewPCG(1, uint64(keys)))
		model := map[string]json.RawMessage{}
		var v values
		for i := range 2000 {
			key, value := strconv.Itoa(r.IntN(keys)), json.RawMessage(strconv.Itoa(i))
			if r.IntN(2) == 0 {
				v.set(key, value)
				model[key] = value
			} else {
				v.delete(key)
				delete(model, key)
			}
			if r.IntN(10) == 0 {
				v = valuesOf(v.copy())
			}
			got, wantKeys := v.keys(), slices.Sorted(maps.Keys(model))
			slices.Sort(got)
			if !maps.EqualFunc(v.copy(), model, same) || !slices.Equal(got, wantKeys) {
				t.Fatalf("%d keys, step %d: %v with keys %v, want %v", keys, i, v.copy(), got, model)
			}
		}
	}
}
