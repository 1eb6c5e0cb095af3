package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley.example/parley/internal/auth"
)

const (
	tokenSecret = "5c6f0f9f0a3d4a3bb1d3c54e6a1f2b90"
	tokenOld    = "00000000000000000000000000000000"
)

// sockets makes a gramex.yaml of endpoints, each by what stands behind its name.
func sockets(t *testing.T, text string, endpoints ...string) (path string) {
	t.Helper()
	text += "\nurl:\n"
	for _, e := range endpoints {
		name, token, _ := strings.Cut(e, " ")
		text += "  " + name + ":\n    pattern: /" + name + "\n    handler: WebSocketHandler\n" +
			"    kwargs:\n      on_message: {function: parley.echo}\n"
		if token != "" {
			text += "      token: " + token + "\n"
		}
	}
	text += "  page:\n    pattern: /page\n    handler: FileHandler\n    kwargs: {path: .}\n"
	path = filepath.Join(t.TempDir(), "gramex.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func command(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, &out, &errs)
	return status, out.String(), errs.String()
}

// TestToken wants the tokens that are made to be accepted.
func TestToken(t *testing.T) {
	secret := "{secret: [" + tokenSecret + ", \"" + tokenOld + "\"]"
	for _, tc := range []struct {
		name string
		path string
		args []string
		opt  auth.VerifierOptions
		user string // attributes, in order
	}{
		{
			"the only one", sockets(t, "", "chat "+secret+"}", "open"), nil,
			auth.VerifierOptions{},
			`id="alice" sub="alice"`,
		},
		{
			"of the app", sockets(t, "app: {token: "+secret+", issuer: me, audience: [us, them]}}", "a", "b {secret: "+tokenOld+"x}"), nil,
			auth.VerifierOptions{Issuer: "me", Audience: []string{"us"}},
			`aud="us" id="alice" iss="me" sub="alice"`,
		},
		{
			"of the named one", sockets(t, "app: {token: {secret: "+tokenOld+"x}}", "a "+secret+"}", "b"),
			[]string{"--endpoint", "a"},
			auth.VerifierOptions{},
			`id="alice" sub="alice"`,
		},
		{
			"with claims", sockets(t, "", "chat "+secret+", user: {id: preferred.name, role: realm.roles, n: n, text: text}}"),
			[]string{"--claim", `realm.roles=["admin", "user"]`, "--claim", "n=12345678901234567890", "--claim", "text=a=b", "--claim", "unused=1"},
			auth.VerifierOptions{User: map[string]string{"id": "preferred.name", "role": "realm.roles", "n": "n", "text": "text"}},
			`id="alice" n=12345678901234567890 role=["admin","user"] text="a=b"`,
		},
		{
			"with algorithms", sockets(t, "", "chat "+secret+", algorithms: [HS512, HS256]}"), nil,
			auth.VerifierOptions{Algorithms: []string{"HS256"}},
			`id="alice" sub="alice"`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.opt.Secrets = [][]byte{[]byte(tokenSecret)}
			v, err := auth.NewVerifier(tc.opt)
			if err != nil {
				t.Fatal(err)
			}
			before := time.Now().Truncate(time.Second)
			status, stdout, stderr := command(t, append([]string{"token", tc.path, "--user", "alice", "--for", "90s"}, tc.args...)...)
			if status != exitDone || stderr != "" {
				t.Fatalf("status %d: %s", status, stderr)
			}
			claims, err := v.Verify(t.Context(), strings.TrimSuffix(stdout, "\n"))
			if err != nil {
				t.Fatal(err)
			}
			late := claims.Expires.Sub(before.Add(90 * time.Second))
			if after := time.Since(before); late < 0 || late > after {
				t.Errorf("it expires %s later than it should, and took %s", late, after)
			}
			var user []string
			for _, name := range []string{"aud", "id", "iss", "n", "role", "sub", "text", "unused"} {
				if value, has := claims.User[name]; has {
					user = append(user, name+"="+string(value))
				}
			}
			if got := strings.Join(user, " "); got != tc.user {
				t.Errorf("user: %s, want %s", got, tc.user)
			}
		})
	}
}

func TestTokensThatCannotBeMade(t *testing.T) {
	one := sockets(t, "", "chat {secret: "+tokenSecret+"}", "open")
	for _, tc := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{one}, 2, "--user says for whom"},
		{[]string{one, "--user="}, 2, "--user says for whom"},
		{[]string{one, "--user=a", "--for=0s"}, 2, "--for 0s: it has to be good for a second at least"},
		{[]string{one, "--user=a", "--claim=role"}, 2, `--claim "role": write NAME=VALUE`},
		{[]string{one, "--user=a", "--claim==x"}, 2, `--claim "=x": write NAME=VALUE`},
		{[]string{one, "--user=a", "--claim=sub=b"}, 2, "--claim sub: that claim is what --user says"},
		{[]string{one, "--user=a", "--claim=x=b", "--claim=x=c"}, 2, "--claim x: is there twice"},
		{[]string{one, "--user=a", "--endpoint=chta"}, 2, "--endpoint chta: there is none of that name (did you mean chat?)"},
		{[]string{one, "--user=a", "--endpoint=page"}, 1, "url.page is a FileHandler, which takes no tokens"},
		{[]string{one, "--user=a", "--endpoint=open"}, 1, "url.open has no token: and app: has none"},
		{[]string{"no-such-app", "--user=a"}, 3, "no-such-app: no such file or folder"},
		{
			[]string{sockets(t, "", "open"), "--user=a"},
			1,
			"no socket of this app takes tokens: write a token: with a secret: under an endpoint, or under app: for all",
		},
		{[]string{sockets(t, "", "chat {ticket: true}"), "--user=a"}, 1, "url.chat: its token: takes tickets only"},
		{
			[]string{sockets(t, "", "chat {key: public.pem}"), "--user=a"},
			1,
			"url.chat: its token: has public keys only, which cannot sign: tokens come from who has the private key",
		},
		{
			[]string{sockets(t, "", "chat {secret: "+tokenSecret+", algorithms: HS512}"), "--user=a"},
			1,
			"url.chat: its token: does not take HS256, which this signs with (see algorithms:)",
		},
		{
			[]string{sockets(t, "", "a {secret: "+tokenSecret+"}", "b {secret: "+tokenSecret+"}", "c"), "--user=a"},
			2,
			"several endpoints have a token: of their own: say --endpoint NAME, one of a, b",
		},
		{
			[]string{sockets(t, "app: {token: {ticket: true}}", "a {secret: "+tokenSecret+"}", "b"), "--user=a"},
			1,
			"app: its token: takes tickets only",
		},
	} {
		status, stdout, stderr := command(t, append([]string{"token"}, tc.args...)...)
		told, _, _ := strings.Cut(strings.TrimPrefix(stderr, "parley: "), "\n")
		if status != tc.status || stdout != "" || told != tc.want {
			t.Errorf("parley token %q: status %d, %s, want %d, %s", tc.args[1:], status, told, tc.status, tc.want)
		}
		if strings.Contains(stderr, tokenSecret) {
			t.Errorf("the secret was told: %s", stderr)
		}
	}
}
