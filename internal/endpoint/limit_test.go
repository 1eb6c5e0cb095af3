package endpoint

import (
	"strconv"
	"testing"
	"time"
)

func TestALimiterTellsOncePerMinute(t *testing.T) {
	var l limiter
	began := time.Now()
	for _, step := range []struct {
		at     time.Duration
		kind   string
		ok     bool
		silent int
	}{
		{0, "a", true, 0},
		{1 * time.Second, "a", false, 0},
		{2 * time.Second, "b", true, 0},
		{59 * time.Second, "a", false, 0},
		{60 * time.Second, "a", true, 2},
		{61 * time.Second, "b", false, 0},
		{62 * time.Second, "b", true, 1},
		{200 * time.Second, "a", true, 0},
	} {
		silent, ok := l.take(step.kind, began.Add(step.at))
		if ok != step.ok || silent != step.silent {
			t.Errorf("%s after %v: %t, %d; want %t, %d", step.kind, step.at, ok, silent, step.ok, step.silent)
		}
	}
}

func TestALimitersMemoryIsBounded(t *testing.T) {
	var l limiter
	now := time.Now()
	told := 0
	for i := range 10_000 {
		if _, ok := l.take(strconv.Itoa(i), now); ok {
			told++
		}
	}
	if told != maxKinds+1 || len(l.kinds) != maxKinds+1 {
		t.Errorf("told %d and kept %d kinds, want %d of both", told, len(l.kinds), maxKinds+1)
	}
	if _, ok := l.take("new", now.Add(quiet)); !ok {
		t.Error("a minute later a new kind is not told")
	}
	if len(l.kinds) > 2 {
		t.Errorf("a minute later %d kinds are kept", len(l.kinds))
	}
}
