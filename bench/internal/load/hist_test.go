package load

import (
	"math"
	"testing"
	"time"
)

func TestQuantiles(t *testing.T) {
	var h histogram
	for i := range 1000 {
		h.add(time.Duration(i+1)*time.Microsecond, 2)
	}
	for q, want := range map[float64]time.Duration{0: 1, .5: 500, .99: 990, 1: 1000} {
		want *= time.Microsecond
		if got := h.quantile(q); math.Abs(float64(got-want)) > .016*float64(want) {
			t.Errorf("quantile(%v) = %v, want %v", q, got, want)
		}
	}
	if got := (&histogram{}).quantile(.5); got != 0 {
		t.Errorf("quantile of nothing = %v", got)
	}
}

func TestBuckets(t *testing.T) {
	last := -1
	for _, v := range []uint64{0, 1, 63, 64, 127, 128, 129, 130, 255, 256, 1 << 20, 1<<20 + 1<<14, 1 << 40, math.MaxInt64} {
		b := bucket(v)
		if b < last {
			t.Errorf("bucket(%d) = %d, below that of a smaller one", v, b)
		}
		last = b
		if got := float64(value(b)); math.Abs(got-float64(v)) > float64(v)/64 {
			t.Errorf("the bucket of %d stands for %v", v, got)
		}
	}
	if last >= len(histogram{}.buckets) {
		t.Errorf("the longest duration is in bucket %d of %d", last, len(histogram{}.buckets))
	}
}
