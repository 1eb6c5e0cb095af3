package ws

import (
	"math/bits"
	"time"
)

const (
	wheelTick  = 20 * time.Millisecond // what alarms are rounded up to
	wheelSlots = 2048                  // 41 s ahead; what is due later comes round again
)

// A wheel keeps the alarms of one loop's connections. It does not read the
// clock: advance is told the time, as a duration since the engine began. Its
// owner guards it, and the alarm fields of what is in it.
type wheel[T any] struct {
	slots [wheelSlots]*alarm[T]
	used  [wheelSlots / 64]uint64 // a bit for each slot that has alarms
	at    int64                   // the tick that advance has come to

	next *alarm[T] // that advance looks at, after the one that rings
}

// An alarm belongs to one thing of a wheel. The zero value is not set.
type alarm[T any] struct {
	next, prev *alarm[T]
	of         *T
	tick       int64 // when; 0 for not at all
}

// set makes advance call at due, instead of whenever an earlier set said; 0
// means never.
func (w *wheel[T]) set(a *alarm[T], due time.Duration) {
	tick := int64(0)
	if due > 0 {
		tick = max(int64((due+wheelTick-1)/wheelTick), w.at+1)
	}
	if tick == a.tick {
		return
	}
	w.remove(a)
	if tick > 0 {
		a.tick = tick
		w.insert(a)
	}
}

// slotOf is where an alarm stands that is due at tick.
func (w *wheel[T]) slotOf(tick int64) int { return int(tick % wheelSlots) }

func (w *wheel[T]) insert(a *alarm[T]) {
	i := w.slotOf(a.tick)
	a.next = w.slots[i]
	if a.next != nil {
		a.next.prev = a
	}
	w.slots[i] = a
	w.used[i/64] |= 1 << (i % 64)
}

func (w *wheel[T]) remove(a *alarm[T]) {
	if a.tick == 0 {
		return
	}
	if a == w.next {
		w.next = a.next
	}
	i := w.slotOf(a.tick)
	if a.next != nil {
		a.next.prev = a.prev
	}
	if a.prev != nil {
		a.prev.next = a.next
	} else {
		w.slots[i] = a.next
		if a.next == nil {
			w.used[i/64] &^= 1 << (i % 64)
		}
	}
	a.next, a.prev, a.tick = nil, nil, 0
}

// advance takes out every alarm that is due at now and calls ring with whose
// it is; ring may set any alarms.
func (w *wheel[T]) advance(now time.Duration, ring func(*T)) {
	last := int64(now / wheelTick)
	first := max(w.at+1, last-wheelSlots+1) // one round sees every slot
	if last <= w.at {
		return
	}
	w.at = last
	for tick := first; tick <= last; tick++ {
		i := w.slotOf(tick)
		if w.used[i/64]&(1<<(i%64)) == 0 {
			continue
		}
		for a := w.slots[i]; a != nil; a = w.next {
			w.next = a.next
			if a.tick <= last {
				w.remove(a)
				ring(a.of)
			}
		}
	}
}

// wait is how long after now advance has something to do at the earliest;
// negative for never.
func (w *wheel[T]) wait(now time.Duration) time.Duration {
	from := w.slotOf(w.at + 1)
	for n := 0; n < wheelSlots; {
		i := (from + n) % wheelSlots
		word := w.used[i/64] >> (i % 64)
		if word == 0 {
			n += 64 - i%64
			continue
		}
		n += bits.TrailingZeros64(word)
		if n >= wheelSlots {
			break
		}
		return max(time.Duration(w.at+1+int64(n))*wheelTick-now, 0)
	}
	return -1
}
