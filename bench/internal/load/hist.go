package load

import (
	"math/bits"
	"time"
)

// A histogram counts durations in buckets less than 1.6 % wide. Adding to it
// never allocates.
type histogram struct {
	buckets [64 * 58]uint64 // 64 for each power of two
	total   uint64
}

// add counts d n times. A negative d counts as 0.
func (h *histogram) add(d time.Duration, n int) {
	h.buckets[bucket(uint64(max(d, 0)))] += uint64(n)
	h.total += uint64(n)
}

// bucket returns the number of v's bucket: v itself below 128, then the seven
// highest bits of v after the number of the others.
func bucket(v uint64) int {
	shift := max(bits.Len64(v)-7, 0)
	return shift*64 + int(v>>shift)
}

// value returns the middle of a bucket.
func value(bucket int) time.Duration {
	if bucket < 128 {
		return time.Duration(bucket)
	}
	shift := bucket/64 - 1
	low := time.Duration(bucket-shift*64) << shift
	return low + time.Duration(1)<<shift/2
}

// quantile returns the duration that q (0 to 1) of all are not above; 0 if
// nothing was added.
func (h *histogram) quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	due := uint64(q * float64(h.total-1))
	for i, n := range h.buckets {
		if n > due {
			return value(i)
		}
		due -= n
	}
	panic("unreachable: a histogram's total is the sum of its buckets")
}
