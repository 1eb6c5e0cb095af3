// Package storetest holds the suite that every session.Store passes.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley.example/parley/internal/session"
)

// Run tests the Store that newStore makes, empty for each call. newStore
// registers its own clean-up.
func Run(t *testing.T, newStore func(t *testing.T) session.Store) {
	for name, test := range map[string]func(*testing.T, session.Store){
		"unknown id":           testUnknown,
		"changes add up":       testChanges,
		"any key and value":    testAnyKey,
		"nothing is shared":    testNothingShared,
		"destroyed":            testDestroyed,
		"each":                 testEach,
		"each, many":           testEachOfMany,
		"each, cut short":      testEachCutShort,
		"purge":                testPurge,
		"nothing costs no row": testNothing,
		"all at once":          testConcurrent,
		"a cancelled save":     testCancelled,
	} {
		t.Run(name, func(t *testing.T) { test(t, newStore(t)) })
	}
}

// start is the time at which the suite plays.
var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func testUnknown(t *testing.T, s session.Store) {
	want(t, s, "nobody", "")
	wantDestroyed(t, s, "nobody", false)
	save(t, s) // no change at all
}

func testChanges(t *testing.T, s session.Store) {
	steps := []struct {
		change session.Change
		want   string
	}{
		{set("id", "a", "1", "b", `"two"`), `a=1 b="two"`},
		{set("id", "b", "2", "c", `[3]`), `a=1 b=2 c=[3]`},
		{set("id", "a", "", "zz", ""), `b=2 c=[3]`},
		{set("id", "c", "", "d", "null"), `b=2 d=null`},
		{set("other", "b", "9"), `b=2 d=null`},
		{set("id", "b", "", "d", ""), ``},
		{set("id", "a", "4"), `a=4`},
	}
	for i, step := range steps {
		save(t, s, step.change)
		if got := show(load(t, s, "id")); got != step.want {
			t.Errorf("after step %d: %s, want %s", i, got, step.want)
		}
	}
	save(t, s, set("id", "a", "5"), set("id", "a", "6"), set("id", "e", "7"))
	want(t, s, "id", "a=6 e=7")
	want(t, s, "other", "b=9")
}

func testAnyKey(t *testing.T, s session.Store) {
	values := map[string]json.RawMessage{
		"":                        json.RawMessage(`""`),
		"nul \x00 inside":         json.RawMessage(`"\u0000"`),
		"ключ 🔑 ' \" % _ ? \n":    json.RawMessage(`"значение 🔑 '"`),
		"KEY":                     json.RawMessage(`1`),
		"key":                     json.RawMessage(`2`),
		"key ":                    json.RawMessage(`3`),
		strings.Repeat("k", 4096): json.RawMessage(`"` + strings.Repeat("v", 1<<20) + `"`),
		"12":                      json.RawMessage(`12345678901234567890.10`),
	}
	save(t, s, session.Change{ID: "id", Expires: start, Values: values})
	if got := load(t, s, "id"); !maps.EqualFunc(got, values, sameJSON) {
		t.Errorf("loaded %q, want %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(values)))
	}
}

func testNothingShared(t *testing.T, s session.Store) {
	change := set("id", "a", "1")
	save(t, s, change)
	change.Values["b"] = json.RawMessage("2")
	load(t, s, "id")["c"] = json.RawMessage("3")
	want(t, s, "id", "a=1")
}

func testDestroyed(t *testing.T, s session.Store) {
	save(t, s, set("id", "a", "1"), set("other", "a", "1"))
	save(t, s, session.Change{ID: "id", Expires: start, Destroy: true})
	save(t, s, session.Change{ID: "unseen", Expires: start, Destroy: true})
	save(t, s, set("id", "a", "2"), set("unseen", "b", ""), session.Change{ID: "id", Expires: start})
	save(t, s, session.Change{ID: "id", Expires: start, Destroy: true})
	for _, id := range []string{"id", "unseen"} {
		wantDestroyed(t, s, id, true)
	}
	want(t, s, "other", "a=1")
	wantDestroyed(t, s, "other", false)
}

// each returns what Each shows, one line a session.
func each(t *testing.T, s session.Store) []string {
	t.Helper()
	var lines []string
	err := s.Each(t.Context(), func(stored session.Stored) error {
		lines = append(lines, fmt.Sprintf("%s %v: %s", stored.ID, stored.Expires.Sub(start), show(stored.Values)))
		stored.Values["own"] = nil // the caller owns the map
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}

func testEach(t *testing.T, s session.Store) {
	if got := each(t, s); len(got) != 0 {
		t.Errorf("an empty store shows %q", got)
	}
	save(t, s,
		set("b", "user", `{"id":1}`, "n", "2"), set("a", "n", "1"), set("ё '%\x00", "n", "3"),
		set("emptied", "n", "1"), set("emptied", "n", ""),
		set("destroyed", "n", "1"), session.Change{ID: "destroyed", Expires: start, Destroy: true},
		session.Change{ID: "unseen", Expires: start, Destroy: true})
	later := set("b", "n", "2")
	later.Expires = start.Add(time.Minute)
	save(t, s, later)
	wanted := []string{"a 0s: n=1", `b 1m0s: n=2 user={"id":1}`, "ё '%\x00 0s: n=3"}
	for range 2 {
		if got := each(t, s); !slices.Equal(got, wanted) {
			t.Errorf("each = %q, want %q", got, wanted)
		}
	}
}

// testEachOfMany changes the store from within, as a revocation does.
func testEachOfMany(t *testing.T, s session.Store) {
	const many = 700
	var changes []session.Change
	for i := range many {
		changes = append(changes, set(fmt.Sprint(i), "a", "1", "b", "2"))
	}
	save(t, s, changes...)
	seen := map[string]int{}
	err := s.Each(t.Context(), func(stored session.Stored) error {
		id := stored.ID
		if got := show(stored.Values); got != "a=1 b=2" {
			t.Errorf("%s: %s, want a=1 b=2", id, got)
		}
		seen[id]++
		if len(seen)%100 != 0 {
			return nil
		}
		if values, err := s.Load(t.Context(), id); err != nil || len(values) != 2 {
			t.Errorf("loading %s: %s, %v", id, show(values), err)
		}
		return s.Save(t.Context(), []session.Change{{ID: id, Expires: start, Destroy: true}})
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, times := range seen {
		if times != 1 {
			t.Errorf("%s was seen %d times", id, times)
		}
	}
	if got, want := len(each(t, s)), many-many/100; len(seen) != many || got != want {
		t.Errorf("%d seen and %d left, want %d and %d", len(seen), got, many, want)
	}
}

func testEachCutShort(t *testing.T, s session.Store) {
	save(t, s, set("a", "n", "1"), set("b", "n", "1"))
	enough := errors.New("enough")
	calls := 0
	err := s.Each(t.Context(), func(session.Stored) error {
		calls++
		return enough
	})
	if !errors.Is(err, enough) || calls != 1 {
		t.Errorf("each = %v after %d calls, want %v after one", err, calls, enough)
	}
	ctx, cancel := context.WithCancel(t.Context())
	calls = 0
	err = s.Each(ctx, func(session.Stored) error {
		calls++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Errorf("each = %v after %d calls, want %v after one", err, calls, context.Canceled)
	}
	want(t, s, "a", "n=1") // the store goes on
}

func testPurge(t *testing.T, s session.Store) {
	at := func(hours int) time.Time { return start.Add(time.Duration(hours) * time.Hour) }
	expiring := func(id string, hours int, pairs ...string) session.Change {
		c := set(id, pairs...)
		c.Expires = at(hours)
		return c
	}
	save(t, s,
		expiring("early", 1, "a", "1"),
		expiring("written again", 1, "a", "1"), expiring("written again", 9, "b", "1"),
		expiring("renewed", 1, "a", "1"), expiring("renewed", 9),
		expiring("never back", 9, "a", "1"), expiring("never back", 1, "b", "1"),
		session.Change{ID: "tombstone", Expires: at(1), Destroy: true},
		session.Change{ID: "late tombstone", Expires: at(1), Destroy: true}, expiring("late tombstone", 9),
	)
	for _, step := range []struct{ hours, purged int }{{1, 0}, {5, 2}, {5, 0}} {
		if n, err := s.Purge(t.Context(), at(step.hours)); err != nil || n != step.purged {
			t.Errorf("purge at %d h = %d, %v; want %d", step.hours, n, err, step.purged)
		}
	}
	want(t, s, "early", "")
	want(t, s, "written again", "a=1 b=1")
	want(t, s, "renewed", "a=1")
	want(t, s, "never back", "a=1 b=1")
	want(t, s, "tombstone", "")
	wantDestroyed(t, s, "tombstone", false)
	wantDestroyed(t, s, "late tombstone", true)
	save(t, s, expiring("early", 9, "b", "2"))
	want(t, s, "early", "b=2")
}

func testNothing(t *testing.T, s session.Store) {
	save(t, s,
		session.Change{ID: "touched", Expires: start},
		set("deleted", "a", ""),
		set("emptied", "a", "1"), set("emptied", "a", ""))
	if n, err := s.Purge(t.Context(), start.Add(time.Hour)); err != nil || n != 0 {
		t.Errorf("purge = %d, %v; want no rows", n, err)
	}
}

func testConcurrent(t *testing.T, s session.Store) {
	const writers, each = 4, 20
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				key := fmt.Sprintf("%d %d", w, i)
				if err := s.Save(t.Context(), []session.Change{set("id", key, "1")}); err != nil {
					t.Errorf("saving %s: %v", key, err)
				}
				if values, err := s.Load(t.Context(), "id"); err != nil || values[key] == nil {
					t.Errorf("loading %s after it was saved: %v, %v", key, values[key], err)
				}
			}
		})
	}
	all.Wait()
	if got := len(load(t, s, "id")); got != writers*each {
		t.Errorf("%d keys, want %d", got, writers*each)
	}
}

// testCancelled wants all or nothing of a save whose ctx has ended.
func testCancelled(t *testing.T, s session.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Save(ctx, []session.Change{set("id", "a", "1"), set("id", "b", "2")})
	if got := len(load(t, s, "id")); (err == nil) != (got == 2) || (err != nil) != (got == 0) {
		t.Errorf("save: %v, and %d keys are there", err, got)
	}
	save(t, s, set("id", "c", "3")) // the store goes on
}

// set makes a change of pairs of key and value; an empty value deletes.
func set(id string, pairs ...string) session.Change {
	c := session.Change{ID: id, Expires: start, Values: map[string]json.RawMessage{}}
	for i := 0; i < len(pairs); i += 2 {
		c.Values[pairs[i]] = nil
		if pairs[i+1] != "" {
			c.Values[pairs[i]] = json.RawMessage(pairs[i+1])
		}
	}
	return c
}

func save(t *testing.T, s session.Store, changes ...session.Change) {
	t.Helper()
	if err := s.Save(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, s session.Store, id string) map[string]json.RawMessage {
	t.Helper()
	values, err := s.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func want(t *testing.T, s session.Store, id, values string) {
	t.Helper()
	if got := show(load(t, s, id)); got != values {
		t.Errorf("%s: %s, want %s", id, got, values)
	}
}

// wantDestroyed wants Load and Destroyed to agree.
func wantDestroyed(t *testing.T, s session.Store, id string, want bool) {
	t.Helper()
	if got, err := s.Destroyed(t.Context(), id); err != nil || got != want {
		t.Errorf("%s destroyed = %v, %v; want %v", id, got, err, want)
	}
	if _, err := s.Load(t.Context(), id); errors.Is(err, session.ErrDestroyed) != want {
		t.Errorf("loading %s: %v, destroyed %v", id, err, want)
	}
}

func show(values map[string]json.RawMessage) string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		out = append(out, key+"="+string(values[key]))
	}
	return strings.Join(out, " ")
}

func sameJSON(a, b json.RawMessage) bool { return string(a) == string(b) }
