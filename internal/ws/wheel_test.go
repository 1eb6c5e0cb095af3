package ws

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A listed thing has an alarm in a wheel and its due time in a reference that
// knows no slots.
type listed struct {
	n     int
	alarm alarm[listed]
	due   time.Duration // 0 for none
}

// up is due as the wheel rounds it, if it is set when the wheel stands at now.
func up(due, now time.Duration) time.Duration {
	if due == 0 {
		return 0
	}
	return max((due+wheelTick-1)/wheelTick*wheelTick, (now/wheelTick+1)*wheelTick)
}

// TestWheel does many things at random with a wheel and with a list.
func TestWheel(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { tryWheel(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func tryWheel(t *testing.T, random *rand.Rand) {
	var w wheel[listed]
	things := make([]*listed, 100)
	for i := range things {
		things[i] = &listed{n: i}
		things[i].alarm.of = things[i]
	}
	now := time.Duration(random.Int64N(int64(3 * time.Hour)))
	w.advance(now, func(l *listed) { t.Errorf("%d rang, nothing was set", l.n) })
	const round = wheelSlots * wheelTick
	set := func(l *listed, due time.Duration) {
		w.set(&l.alarm, due)
		l.due = up(due, now)
	}
	later := func() time.Duration {
		switch random.IntN(6) {
		case 0:
			return 0 // never
		case 1:
			return now - time.Duration(random.Int64N(int64(time.Minute))) // past
		case 2:
			return now + time.Duration(random.Int64N(int64(100*time.Millisecond)))
		case 3:
			return now + round*time.Duration(1+random.IntN(3)) // the same slot again
		case 4:
			return now + time.Duration(random.Int64N(int64(5*round)))
		}
		return now + time.Duration(random.Int64N(int64(round)))
	}
	for range 2000 {
		for range random.IntN(20) {
			set(things[random.IntN(len(things))], max(later(), 0))
		}
		checkWait(t, &w, now, things)
		switch random.IntN(8) {
		case 0:
			now += time.Duration(random.Int64N(int64(7 * round))) // the process stood still
		case 1:
			now += round
		case 2:
			// no time goes by
		default:
			now += time.Duration(random.Int64N(int64(time.Second)))
		}
		var want, got []int
		for _, l := range things {
			if l.due > 0 && l.due <= now/wheelTick*wheelTick {
				want = append(want, l.n)
			}
		}
		// What rings sets alarms: its own, and those of others, of which some
		// were to ring and now are not.
		w.advance(now, func(l *listed) {
			got = append(got, l.n)
			l.due = 0
			if l.alarm.tick != 0 {
				t.Fatalf("%d rings and is set", l.n)
			}
			switch other := things[random.IntN(len(things))]; {
			case random.IntN(3) == 0:
				set(l, later())
			case random.IntN(3) == 0:
				if i := slices.Index(want, other.n); i >= 0 && !slices.Contains(got, other.n) {
					want = slices.Delete(want, i, i+1)
				}
				set(other, later())
			}
		})
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("at %v rang %v, want %v", now, got, want)
		}
	}
	for _, l := range things {
		set(l, 0)
	}
	if w.used != [wheelSlots / 64]uint64{} || w.slots != [wheelSlots]*alarm[listed]{} {
		t.Error("something is left in the wheel after all was taken out")
	}
	if d := w.wait(now); d >= 0 {
		t.Errorf("an empty wheel waits %v", d)
	}
}

// checkWait: the wheel never sleeps over an alarm, and if its next one comes
// in this round, it sleeps until then.
func checkWait(t *testing.T, w *wheel[listed], now time.Duration, things []*listed) {
	t.Helper()
	first := time.Duration(0)
	for _, l := range things {
		if l.due > 0 && (first == 0 || l.due < first) {
			first = l.due
		}
	}
	got := w.wait(now)
	switch {
	case first == 0 && got < 0:
	case first == 0 || got < 0 || got > max(first-now, 0):
		t.Fatalf("at %v wait gives %v, the next alarm is due at %v", now, got, first)
	case first-now < got:
		t.Fatalf("at %v wait gives %v, which is after %v", now, got, first)
	}
}
