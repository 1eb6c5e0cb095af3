package auth_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"parley.example/parley/internal/auth"
)

// Both are of "password": one from the tests of the reference implementation of
// Argon2, the other from libxcrypt.
const (
	argon2Hash = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$ZVrRXqxlLcWfcXCnMyv0m4Rpvh/bnCi7"
	bcryptHash = "$2b$04$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm"
)

// verify checks a password with nobody else about.
func verify(t *testing.T, configured, password string) bool {
	t.Helper()
	ok, err := auth.NewPasswords().Verify(t.Context(), configured, password)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestHashPassword(t *testing.T) {
	hash := auth.HashPassword("correct horse")
	shape := regexp.MustCompile(`^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`)
	if !shape.MatchString(hash) {
		t.Errorf("hash %s is not like %s", hash, shape)
	}
	if kind, err := auth.CheckHash(hash); kind != auth.Argon2id || err != nil {
		t.Errorf("CheckHash = %v, %v", kind, err)
	}
	if !verify(t, hash, "correct horse") {
		t.Error("the password is refused")
	}
	if verify(t, hash, "correct horsf") {
		t.Error("another password is accepted")
	}
	if auth.HashPassword("correct horse") == hash {
		t.Error("two hashes have one salt")
	}
}

func TestVerify(t *testing.T) {
	for _, configured := range []string{
		argon2Hash, bcryptHash, "$2a" + bcryptHash[3:], "$2y" + bcryptHash[3:], "password",
	} {
		if !verify(t, configured, "password") {
			t.Errorf("%s: the password is refused", configured)
		}
		for _, wrong := range []string{"", "pass", "passwor", "password ", "Password", configured + "x"} {
			if verify(t, configured, wrong) {
				t.Errorf("%s accepts %q", configured, wrong)
			}
		}
	}
	// The hash is no password, though as a plain one it would be.
	for _, hash := range []string{argon2Hash, bcryptHash} {
		if verify(t, hash, hash) {
			t.Errorf("%s is its own password", hash)
		}
	}
}

func TestBadHashes(t *testing.T) {
	const salt, tag = "c29tZXNhbHRoZXJl", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	phc := func(version, parameters, salt, tag string) string {
		return "$argon2id$" + version + "$" + parameters + "$" + salt + "$" + tag
	}
	for text, want := range map[string]string{
		"": "is empty",

		"$argon2id$":                                              "is not a whole argon2id hash",
		"$argon2id$v=19$m=64,t=2,p=1$" + salt:                     "is not a whole argon2id hash",
		phc("v=19", "m=64,t=2,p=1", salt, tag) + "$":              "is not a whole argon2id hash",
		phc("v=16", "m=64,t=2,p=1", salt, tag):                    "another version than 19",
		phc("v=19", "m=64,t=2", salt, tag):                        "other parameters than m, t and p",
		phc("v=19", "m=64,t=2,p=1,keyid=x", salt, tag):            "other parameters than m, t and p",
		phc("v=19", "t=2,m=64,p=1", salt, tag):                    "has no number m=… in its place",
		phc("v=19", "m=064,t=2,p=1", salt, tag):                   "has no number m=… in its place",
		phc("v=19", "m=64,t=-2,p=1", salt, tag):                   "has no number t=… in its place",
		phc("v=19", "m=64,t=2,p=", salt, tag):                     "has no number p=… in its place",
		phc("v=19", "m=99999999999,t=2,p=1", salt, tag):           "has no number m=… in its place",
		phc("v=19", "m=1048577,t=2,p=1", salt, tag):               "has m=1048577 in its argon2id hash: from 8 to 1048576",
		phc("v=19", "m=7,t=2,p=1", salt, tag):                     "has m=7 in its argon2id hash",
		phc("v=19", "m=64,t=101,p=1", salt, tag):                  "has t=101 in its argon2id hash: from 1 to 100",
		phc("v=19", "m=64,t=0,p=1", salt, tag):                    "has t=0 in its argon2id hash",
		phc("v=19", "m=64,t=1,p=9", salt, tag):                    "has p=9 in its argon2id hash: from 1 to 8",
		phc("v=19", "m=65536,t=1,p=256", salt, tag):               "has p=256 in its argon2id hash: from 1 to 255",
		phc("v=19", "m=64,t=2,p=1", "c29tZXNhbHRoZXJl=", tag):     "has a salt in its argon2id hash that is no base64",
		phc("v=19", "m=64,t=2,p=1", "c2FsdA", tag):                "has a salt of 4 bytes in its argon2id hash: from 8 to 64",
		phc("v=19", "m=64,t=2,p=1", salt, tag[:len(tag)-1]+"B"):   "has a hash in its argon2id hash that is no base64",
		phc("v=19", "m=64,t=2,p=1", salt, "AAAA"):                 "has a hash of 3 bytes in its argon2id hash: from 16",
		phc("v=19", "m=64,t=2,p=1", salt, strings.Repeat(tag, 4)): "has a hash of 129 bytes in its argon2id hash",

		bcryptHash[:len(bcryptHash)-1]:       "is not a whole bcrypt hash",
		bcryptHash + "x":                     "is not a whole bcrypt hash",
		"$2b$4$" + bcryptHash[7:]:            "is not a whole bcrypt hash",
		bcryptHash[:len(bcryptHash)-1] + "!": "is not a whole bcrypt hash",
		"$2b$17$" + bcryptHash[7:]:           "has the cost 17 in its bcrypt hash: from 4 to 16",
		"$2b$03$" + bcryptHash[7:]:           "has the cost 3 in its bcrypt hash",
		"$2x$" + bcryptHash[4:]:              "begins with $2x$ like a hash",
		"$argon2i$v=19$m=64,t=2,p=1$x$y":     "begins with $argon2 like a hash",
		"$6$rounds=5000$salt$hash":           "begins with $6$ like a hash",
		"pbkdf2_sha256$600000$salt$hash":     "begins with pbkdf2_ like a hash",
		"scrypt:32768:8:1$salt$hash":         "begins with scrypt: like a hash",
		"{SSHA}hash":                         "begins with {SSHA like a hash",
	} {
		_, err := auth.CheckHash(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("CheckHash(%q) = %v, want %s", text, err, want)
		}
		if verify(t, text, text) {
			t.Errorf("%q is accepted as a password", text)
		}
	}
}

func TestPlainPasswords(t *testing.T) {
	for _, text := range []string{"x", "$", "$ecret", "$1", "2b$10$", "argon2", "{}", " $6$", "5f4dcc3b5aa765d61d8327deb882cf99"} {
		if kind, err := auth.CheckHash(text); kind != auth.Plain || err != nil {
			t.Errorf("CheckHash(%q) = %v, %v, want plain", text, kind, err)
		}
	}
}

func TestWeakness(t *testing.T) {
	const rest = "$c29tZXNhbHQ$ZVrRXqxlLcWfcXCnMyv0m4Rpvh/bnCi7"
	for configured, want := range map[string]string{
		"wonderland":                            "is the password itself",
		argon2Hash:                              "is an argon2id hash that is guessed fast (m=64,t=1)",
		"$argon2id$v=19$m=19456,t=1,p=1" + rest: "is an argon2id hash that is guessed fast (m=19456,t=1)",
		"$argon2id$v=19$m=64,t=100,p=1" + rest:  "is an argon2id hash that is guessed fast (m=64,t=100)",
		"$argon2id$v=19$m=7168,t=5,p=1" + rest:  "",
		"$argon2id$v=19$m=47104,t=1,p=1" + rest: "",
		auth.HashPassword("x"):                  "",
		bcryptHash:                              "is a bcrypt hash that is guessed fast (cost 4)",
		"$2b$10" + bcryptHash[6:]:               "",
	} {
		if got := auth.Weakness(configured); got != want {
			t.Errorf("Weakness(%s) = %q, want %q", configured, got, want)
		}
	}
}

// Only as many hashes are computed at once as there are CPUs: who comes beside
// them waits, and may give up.
func TestVerifyWaits(t *testing.T) {
	p := auth.NewPasswords()
	leave := p.Fill()
	ctx, cancel := context.WithCancelCause(t.Context())
	gaveUp := errors.New("gave up")
	cancel(gaveUp)
	if ok, err := p.Verify(ctx, "x", "x"); ok || !errors.Is(err, gaveUp) {
		t.Errorf("while all CPUs are busy: %v, %v, want %v", ok, err, gaveUp)
	}
	if got := p.Checked(); got != 0 {
		t.Errorf("%d passwords checked, want none", got)
	}
	leave()
	if ok, err := p.Verify(t.Context(), "x", "x"); !ok || err != nil {
		t.Errorf("once they are free: %v, %v", ok, err)
	}
	if got := p.Checked(); got != 1 {
		t.Errorf("%d passwords checked, want 1", got)
	}
}
