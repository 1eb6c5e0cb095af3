package auth_test

import (
	"net/http"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
)

func TestMembership(t *testing.T) {
	const (
		admitted  = auth.Admitted
		forbidden = auth.Forbidden
		unknown   = auth.Unknown
	)
	is := func(pairs ...string) auth.Group {
		g := auth.Group{}
		for i := 0; i < len(pairs); i += 2 {
			g[pairs[i]] = append(g[pairs[i]], pairs[i+1])
		}
		return g
	}
	for name, tc := range map[string]struct {
		user   string
		groups []auth.Group
		want   auth.Verdict
	}{
		"nobody":               {`null`, []auth.Group{is("role", "admin")}, unknown},
		"nobody, no groups":    {`{}`, nil, unknown},
		"no text is an object": {`"alice"`, nil, unknown},
		"any user":             {`{"id": "alice"}`, nil, admitted},
		"a list of no groups":  {`{"id": "alice"}`, []auth.Group{}, forbidden},

		"the value":               {`{"role": "admin"}`, []auth.Group{is("role", "admin")}, admitted},
		"another":                 {`{"role": "admins"}`, []auth.Group{is("role", "admin")}, forbidden},
		"case counts":             {`{"role": "Admin"}`, []auth.Group{is("role", "admin")}, forbidden},
		"one of the values":       {`{"role": "boss"}`, []auth.Group{is("role", "admin", "role", "boss")}, admitted},
		"no attribute":            {`{"id": "alice"}`, []auth.Group{is("role", "admin")}, forbidden},
		"no values":               {`{"role": "admin"}`, []auth.Group{{"role": nil}}, forbidden},
		"no paths":                {`{"role": "admin"}`, []auth.Group{{}}, admitted},
		"all paths":               {`{"role": "admin", "team": "a"}`, []auth.Group{is("role", "admin", "team", "a")}, admitted},
		"one path of two":         {`{"role": "admin", "team": "b"}`, []auth.Group{is("role", "admin", "team", "a")}, forbidden},
		"any group":               {`{"team": "a"}`, []auth.Group{is("role", "admin"), is("team", "a")}, admitted},
		"no group":                {`{"team": "b"}`, []auth.Group{is("role", "admin"), is("team", "a")}, forbidden},
		"half of each of two":     {`{"role": "x", "team": "a"}`, []auth.Group{is("role", "x", "team", "b"), is("role", "y", "team", "a")}, forbidden},
		"a list overlaps":         {`{"role": ["user", "admin"]}`, []auth.Group{is("role", "admin", "role", "boss")}, admitted},
		"a list does not":         {`{"role": ["user"]}`, []auth.Group{is("role", "admin")}, forbidden},
		"an empty list":           {`{"role": []}`, []auth.Group{is("role", "")}, forbidden},
		"no list in a list":       {`{"role": [["admin"]]}`, []auth.Group{is("role", "admin")}, forbidden},
		"not a part of a text":    {`{"role": "user admin"}`, []auth.Group{is("role", "admin")}, forbidden},
		"null is nothing":         {`{"role": null}`, []auth.Group{is("role", "null", "role", "")}, forbidden},
		"null in a list":          {`{"role": [null]}`, []auth.Group{is("role", "null")}, forbidden},
		"an object is nothing":    {`{"role": {"admin": true}}`, []auth.Group{is("role", `{"admin": true}`)}, forbidden},
		"empty text":              {`{"role": ""}`, []auth.Group{is("role", "")}, admitted},
		"a number":                {`{"level": 3}`, []auth.Group{is("level", "3")}, admitted},
		"a number, another text":  {`{"level": 3.0}`, []auth.Group{is("level", "3")}, admitted},
		"a fraction":              {`{"level": 2.50}`, []auth.Group{is("level", "2.5")}, admitted},
		"a text for a number":     {`{"level": "3"}`, []auth.Group{is("level", "3")}, admitted},
		"a long number":           {`{"id": 9007199254740993}`, []auth.Group{is("id", "9007199254740992")}, forbidden},
		"the same long number":    {`{"id": 9007199254740993}`, []auth.Group{is("id", "9007199254740993")}, admitted},
		"a boolean":               {`{"staff": true}`, []auth.Group{is("staff", "true")}, admitted},
		"another boolean":         {`{"staff": false}`, []auth.Group{is("staff", "true")}, forbidden},
		"numbers in a list":       {`{"level": [1, 3]}`, []auth.Group{is("level", "3")}, admitted},
		"an escaped text":         {`{"role": "\u0061dmin"}`, []auth.Group{is("role", "admin")}, admitted},
		"a path":                  {`{"org": {"role": "admin"}}`, []auth.Group{is("org.role", "admin")}, admitted},
		"a longer path":           {`{"org": {"a": {"role": ["x", "admin"]}}}`, []auth.Group{is("org.a.role", "admin")}, admitted},
		"a path into a text":      {`{"org": "role"}`, []auth.Group{is("org.role", "role")}, forbidden},
		"a path into a list":      {`{"org": [{"role": "admin"}]}`, []auth.Group{is("org.role", "admin")}, forbidden},
		"a path that ends early":  {`{"org": {"role": "admin"}}`, []auth.Group{is("org", "admin")}, forbidden},
		"a name with a dot":       {`{"org.role": "admin"}`, []auth.Group{is("org.role", "admin")}, admitted},
		"it wins over the path":   {`{"org.role": "x", "org": {"role": "admin"}}`, []auth.Group{is("org.role", "admin")}, forbidden},
		"a URL as the name":       {`{"https://a.example/roles": ["admin"]}`, []auth.Group{is("https://a.example/roles", "admin")}, admitted},
		"and a path from there":   {`{"https://a.example": {"b.c": {"d": "x"}}}`, []auth.Group{is("https://a.example.b.c.d", "x")}, admitted},
		"dots of an empty name":   {`{"": {"": "x"}}`, []auth.Group{is(".", "x")}, admitted},
		"a dot too many":          {`{"org": {"role": "admin"}}`, []auth.Group{is("org..role", "admin", "org.role.", "admin")}, forbidden},
		"an attribute cut in two": {`{"role": "admin"}`, []auth.Group{is("role.", "admin")}, forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			r := &auth.Rule{Membership: tc.groups}
			if got := r.Admits(parley.ParseUser([]byte(tc.user))); got != tc.want {
				t.Errorf("%s of %v: %v, want %v", tc.user, tc.groups, got, tc.want)
			}
		})
	}
}

// What is not set lets nobody in.
func TestZeroVerdict(t *testing.T) {
	var v auth.Verdict
	if v == auth.Admitted {
		t.Error("the zero Verdict admits")
	}
}

func TestMethods(t *testing.T) {
	for _, tc := range []struct {
		methods []string
		method  string
		applies bool
	}{
		{nil, http.MethodGet, true},
		{nil, "BREW", true},
		{[]string{"POST"}, http.MethodPost, true},
		{[]string{"POST"}, http.MethodGet, false},
		{[]string{"POST"}, http.MethodHead, false},
		{[]string{"GET", "PUT"}, http.MethodPut, true},
		{[]string{"GET"}, http.MethodHead, true},
		{[]string{"get"}, http.MethodHead, true},
		{[]string{"HEAD"}, http.MethodHead, true},
		{[]string{"HEAD"}, http.MethodGet, false},
		{[]string{"post"}, http.MethodPost, true},
		{[]string{"POST"}, "post", true},
		{[]string{"POST"}, "PoSt", true},
	} {
		r := &auth.Rule{Methods: tc.methods}
		if got := r.Applies(tc.method); got != tc.applies {
			t.Errorf("methods %q, %s: applies = %v, want %v", tc.methods, tc.method, got, tc.applies)
		}
	}
}
