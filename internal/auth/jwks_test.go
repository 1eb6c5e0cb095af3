package auth_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// jwkOf is a public key as JSON, with more in it.
func jwkOf(kid string, key crypto.PublicKey, with ...map[string]any) map[string]any {
	k := map[string]any{"kid": kid}
	switch key := key.(type) {
	case *rsa.PublicKey:
		k["kty"], k["n"], k["e"] = "RSA", b64(string(key.N.Bytes())), b64(string(big.NewInt(int64(key.E)).Bytes()))
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		must(err)
		half := len(point) / 2
		k["kty"], k["crv"], k["x"], k["y"] = "EC", key.Params().Name, b64(string(point[1:1+half])), b64(string(point[1+half:]))
	case ed25519.PublicKey:
		k["kty"], k["crv"], k["x"] = "OKP", "Ed25519", b64(string(key))
	}
	for _, more := range with {
		maps.Copy(k, more)
	}
	return k
}

func setOf(keys ...map[string]any) string {
	text, err := json.Marshal(map[string]any{"keys": keys})
	must(err)
	return string(text)
}

// An issuer publishes keys without a network. It is a RoundTripper.
type issuer struct {
	mu      sync.Mutex
	set     string        // what it answers; "" is down
	delay   time.Duration // before it does
	fetches int
}

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.fetches++
	set, delay := i.set, i.delay
	i.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if set == "" {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(set)), Request: r}, nil
}

func (i *issuer) publish(keys ...map[string]any) { i.answer(setOf(keys...)) }

func (i *issuer) answer(set string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.set = set
}

func (i *issuer) wait(delay time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.delay = delay
}

// fetched fails unless there have been n fetches.
func (i *issuer) fetched(t *testing.T, n int) {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fetches != n {
		t.Errorf("%d fetches, want %d", i.fetches, n)
	}
}

// running is a Verifier of the issuer's keys whose Run ends with the test.
func running(t *testing.T, i *issuer, with ...func(*auth.VerifierOptions)) *auth.Verifier {
	t.Helper()
	opt := auth.VerifierOptions{JWKS: "https://id.example/keys?key=hidden", HTTPClient: &http.Client{Transport: i}}
	for _, change := range with {
		change(&opt)
	}
	v := newVerifier(t, opt)
	run(t, v)
	return v
}

func run(t *testing.T, v *auth.Verifier) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := v.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

func ed(kid string) string {
	return sign(jwt.SigningMethodEdDSA, edKey(), valid(), map[string]any{"kid": kid})
}

func ec(kid string) string {
	return sign(jwt.SigningMethodES256, p256(), valid(), map[string]any{"kid": kid})
}

func unavailable(t *testing.T, v *auth.Verifier, token, reason string) {
	t.Helper()
	_, err := v.Verify(t.Context(), token)
	if !errors.Is(err, parley.ErrUnavailable) || errors.Is(err, auth.ErrToken) || !strings.Contains(err.Error(), reason) {
		t.Errorf("error = %v, want unavailable: %s", err, reason)
	}
	if err != nil && (strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), token)) {
		t.Errorf("error = %v, which tells a secret", err)
	}
}

func TestJWKSRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.publish(jwkOf("old", p256().Public()))
		v := running(t, i)
		accepted(t, v, ec("old"))
		i.fetched(t, 1)

		// A new kid has the keys fetched.
		time.Sleep(time.Minute)
		i.publish(jwkOf("old", p256().Public()), jwkOf("new", edKey().Public()))
		accepted(t, v, ed("new"))
		accepted(t, v, ec("old"))
		i.fetched(t, 2)

		// A key that is withdrawn goes with the next refresh.
		i.publish(jwkOf("new", edKey().Public()))
		time.Sleep(9 * time.Minute)
		accepted(t, v, ec("old"))
		time.Sleep(time.Minute)
		synctest.Wait()
		refused(t, v, ec("old"), `signed with an unknown key (alg ES256, kid "old")`)
		i.fetched(t, 3)

		// A kid with another key is not believed, and fetches nothing.
		time.Sleep(time.Minute)
		refused(t, v, sign(jwt.SigningMethodES256, p256(), valid(), map[string]any{"kid": "new"}), "unknown key")
		i.fetched(t, 4) // no key of that algorithm has the kid
		time.Sleep(time.Minute)
		token := ed("new")
		refused(t, v, token[:strings.LastIndex(token, ".")]+"."+b64(strings.Repeat("x", 64)), "its signature does not fit its key")
		i.fetched(t, 4)
	})
}

func TestJWKSWithoutKids(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.publish(jwkOf("", p256().Public()))
		v := running(t, i)
		none := sign(jwt.SigningMethodES256, p256(), valid())
		accepted(t, v, none)
		accepted(t, v, ec("any"))
		next := newEC(elliptic.P256())
		i.publish(jwkOf("", next.Public()))
		rotated := sign(jwt.SigningMethodES256, next, valid())
		refused(t, v, rotated, "unknown key (alg ES256, no kid)")
		time.Sleep(10 * time.Second)
		accepted(t, v, rotated)
		refused(t, v, none, "unknown key")

		var many []map[string]any
		for n := range 11 {
			many = append(many, jwkOf(fmt.Sprint("k", n), p256().Public()))
		}
		i.publish(many...)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		refused(t, v, sign(jwt.SigningMethodES256, p256(), valid()), "one of 11 keys may have signed it (alg ES256, no kid)")
		accepted(t, v, ec("k10"))
	})
}

func TestJWKSFloodOfUnknownKids(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.publish(jwkOf("a", p256().Public()))
		v := running(t, i)
		accepted(t, v, ec("a"))
		for n := range 100 {
			refused(t, v, ed(fmt.Sprint("x", n)), "signed with an unknown key")
		}
		i.fetched(t, 1)
		// In a minute, a thousand tokens: a fetch every ten seconds.
		for n := range 1000 {
			refused(t, v, ed(fmt.Sprint("y", n)), "signed with an unknown key")
			time.Sleep(60 * time.Millisecond)
		}
		i.fetched(t, 6)
		time.Sleep(10 * time.Second)
		for _, kid := range strangeKids {
			refused(t, v, ed(kid), "signed with an unknown key (alg EdDSA, kid ")
		}
		i.fetched(t, 7)
	})
}

func TestJWKSOneFetchForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.publish(jwkOf("a", edKey().Public()))
		v := running(t, i)
		accepted(t, v, ed("a"))
		time.Sleep(time.Minute)
		i.publish(jwkOf("b", edKey().Public()))
		i.wait(3 * time.Second)
		token := ed("b")

		var all sync.WaitGroup
		var ok, gone atomic.Int32
		for n := range 100 {
			all.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if n%10 == 0 { // these go away meanwhile
					ctx, cancel = context.WithTimeout(t.Context(), time.Second)
					defer cancel()
				}
				switch _, err := v.Verify(ctx, token); {
				case err == nil:
					ok.Add(1)
				case errors.Is(err, parley.ErrUnavailable) && errors.Is(err, context.DeadlineExceeded):
					gone.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if ok.Load() != 90 || gone.Load() != 10 {
			t.Errorf("%d accepted, %d gone", ok.Load(), gone.Load())
		}
		i.fetched(t, 2)

		// Old keys serve while new ones are on their way.
		time.Sleep(10*time.Minute + time.Second)
		began := time.Now()
		accepted(t, v, token)
		i.fetched(t, 3)
		if took := time.Since(began); took != 0 {
			t.Errorf("waited %v for the refresh", took)
		}
	})
}

func TestJWKSDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		i := &issuer{}
		v := running(t, i, func(o *auth.VerifierOptions) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		unavailable(t, v, ed("a"), "unavailable: keys of https://id.example/keys: connection refused")
		refused(t, v, signText(`{"alg":"none"}`, "{}"), "accepted: ") // whatever the keys are
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		i.fetched(t, 31)
		if n := strings.Count(log.String(), "level=WARN"); n != 6 {
			t.Errorf("%d warnings in five minutes:\n%s", n, &log)
		}

		i.publish(jwkOf("a", edKey().Public()))
		time.Sleep(10 * time.Second)
		accepted(t, v, ed("a"))
		i.answer("")
		time.Sleep(20 * time.Hour)
		accepted(t, v, ed("a"))
		unavailable(t, v, ed("b"), "connection refused")
		time.Sleep(4*time.Hour + 20*time.Minute)
		unavailable(t, v, ed("a"), "connection refused")
		i.publish(jwkOf("a", edKey().Public()))
		time.Sleep(10 * time.Second)
		accepted(t, v, ed("a"))

		text := log.String()
		if n := strings.Count(text, "level=WARN"); n > 25*60+10 || !strings.Contains(text, "those of before are used for a day") {
			t.Errorf("%d warnings:\n%.2000s", n, text)
		}
		if n := strings.Count(text, "level=INFO"); n != 1 || strings.Contains(text, "hidden") {
			t.Errorf("%d lines that tell of keys, or a secret:\n%.2000s", n, text)
		}
	})
}

func TestJWKSSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.publish(jwkOf("a", edKey().Public()))
		i.wait(time.Hour)
		v := running(t, i)
		began := time.Now()
		unavailable(t, v, ed("a"), "deadline exceeded")
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("waited %v", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		began = time.Now()
		if _, err := v.Verify(ctx, ed("a")); !errors.Is(err, parley.ErrUnavailable) || time.Since(began) != 0 {
			t.Errorf("who has gone waited %v: %v", time.Since(began), err)
		}
	})
}

// Verify before Run and after it waits for nothing that will not come.
func TestJWKSNotRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.publish(jwkOf("a", edKey().Public()))
		v := newVerifier(t, auth.VerifierOptions{JWKS: "https://id.example/keys", HTTPClient: &http.Client{Transport: i}})
		unavailable(t, v, ed("a"), "waiting for them")
		i.fetched(t, 0)

		i.wait(time.Second)
		stop := run(t, v)
		var all sync.WaitGroup
		all.Go(func() { unavailable(t, v, ed("a"), "the server is stopping") })
		synctest.Wait()
		stop()
		all.Wait()
		unavailable(t, v, ed("a"), "the server is stopping")

		none := newVerifier(t, auth.VerifierOptions{Secrets: [][]byte{secret}})
		run(t, none)()
	})
}

// Two issuers, one kid: each Verifier knows its own key.
func TestTwoIssuersOneKid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			key := map[string]crypto.PublicKey{"red.example": rsaKey().Public(), "blue.example": rsaKey2().Public()}[r.URL.Host]
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(setOf(jwkOf("1", key)))), Request: r}, nil
		})}
		of := func(host string) *auth.Verifier {
			v := newVerifier(t, auth.VerifierOptions{JWKS: "https://" + host + "/keys", Issuer: "https://" + host, HTTPClient: client})
			run(t, v)
			return v
		}
		red, blue := of("red.example"), of("blue.example")
		kid := map[string]any{"kid": "1"}
		for range 2 {
			accepted(t, red, sign(jwt.SigningMethodRS256, rsaKey(), valid(jwt.MapClaims{"iss": "https://red.example"}), kid))
			accepted(t, blue, sign(jwt.SigningMethodRS256, rsaKey2(), valid(jwt.MapClaims{"iss": "https://blue.example"}), kid))
			// Red signs as blue, and as itself; blue as red.
			refused(t, blue, sign(jwt.SigningMethodRS256, rsaKey(), valid(jwt.MapClaims{"iss": "https://blue.example"}), kid), "does not fit its key")
			refused(t, blue, sign(jwt.SigningMethodRS256, rsaKey2(), valid(jwt.MapClaims{"iss": "https://red.example"}), kid), "another issuer")
			refused(t, red, sign(jwt.SigningMethodRS256, rsaKey2(), valid(jwt.MapClaims{"iss": "https://red.example"}), kid), "does not fit its key")
		}
	})
}

// With keys of its own besides, a Verifier asks the URL only for what those
// cannot judge, and never for an HMAC.
func TestJWKSBesideOwnKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		v := running(t, i, func(o *auth.VerifierOptions) {
			o.Secrets = [][]byte{secret}
			o.Keys = []crypto.PublicKey{p256().Public()}
		})
		accepted(t, v, ec("own"))
		accepted(t, v, hs(valid()))
		refused(t, v, sign(jwt.SigningMethodHS256, []byte("wrong"), valid(), map[string]any{"kid": "x"}), "no key fits its signature")
		unavailable(t, v, ed("a"), "connection refused")
		known := []byte("a secret that everybody can read")
		i.publish(jwkOf("a", edKey().Public()), map[string]any{"kty": "oct", "k": b64(string(known)), "kid": "o", "alg": "HS256"})
		time.Sleep(10 * time.Second)
		accepted(t, v, ed("a"))
		refused(t, v, sign(jwt.SigningMethodHS256, known, valid(), map[string]any{"kid": "o"}), "no key fits its signature")
	})
}

func TestJWKSKeys(t *testing.T) {
	type m = map[string]any
	oct := m{"kty": "oct", "k": b64(string(secret)), "kid": "a", "alg": "HS256"}
	offCurve := jwkOf("a", p256().Public(), m{"y": b64(strings.Repeat("\x01", 32))})
	many := make([]m, 101)
	for n := range many {
		many[n] = jwkOf("a", edKey().Public())
	}
	for _, tc := range []struct {
		name, set string
		token     string
		want      string // "" is accepted; "down: …" unavailable
	}{
		{"RSA", setOf(jwkOf("a", rsaKey().Public())), sign(jwt.SigningMethodPS384, rsaKey(), valid(), m{"kid": "a"}), ""},
		{"P-521", setOf(jwkOf("a", p521().Public())), sign(jwt.SigningMethodES512, p521(), valid(), m{"kid": "a"}), ""},
		{"use and alg", setOf(jwkOf("a", edKey().Public(), m{"use": "sig", "alg": "EdDSA", "key_ops": []string{"verify"}, "x5c": []string{"x"}})), ed("a"), ""},
		{"padding", setOf(jwkOf("a", edKey().Public(), m{"x": b64(string(edKey().Public().(ed25519.PublicKey))) + "="})), ed("a"), ""},
		{"behind broken ones", `{"keys":[1,{"kty":7},null,{},` + setOf(jwkOf("a", edKey().Public()))[len(`{"keys":[`):], ed("a"), ""},
		{"encryption", setOf(jwkOf("a", edKey().Public(), m{"use": "enc"})), ed("a"), "unknown key"},
		{"signing only", setOf(jwkOf("a", edKey().Public(), m{"key_ops": []string{"sign"}})), ed("a"), "unknown key"},
		{"another alg", setOf(jwkOf("a", rsaKey().Public(), m{"alg": "RS256"})), sign(jwt.SigningMethodRS512, rsaKey(), valid(), m{"kid": "a"}), "unknown key"},
		{"alg of encryption", setOf(jwkOf("a", rsaKey().Public(), m{"alg": "RSA-OAEP"})), sign(jwt.SigningMethodRS256, rsaKey(), valid(), m{"kid": "a"}), "unknown key"},
		{"alg of HMAC", setOf(jwkOf("a", rsaKey().Public(), m{"alg": "HS256"})), hs(valid(), m{"kid": "a"}), `signed with "HS256", accepted: ES256`},
		{"public secret", setOf(oct), hs(valid(), m{"kid": "a"}), `signed with "HS256", accepted: ES256`},
		{"private", setOf(jwkOf("a", edKey().Public(), m{"d": "AAAA"})), ed("a"), "unknown key"},
		{"unknown type", setOf(m{"kty": "AKP", "kid": "a"}), ed("a"), "unknown key"},
		{"another curve", setOf(jwkOf("a", edKey().Public(), m{"crv": "X25519"})), ed("a"), "unknown key"},
		{"short key", setOf(jwkOf("a", edKey().Public(), m{"x": "AAAA"})), ed("a"), "unknown key"},
		{"not on the curve", setOf(offCurve), ec("a"), "unknown key"},
		{"short coordinate", setOf(jwkOf("a", p256().Public(), m{"x": "AQ"})), ec("a"), "unknown key"},
		{"weak", setOf(jwkOf("a", newRSA(1024).Public())), sign(jwt.SigningMethodRS256, rsaKey(), valid(), m{"kid": "a"}), "unknown key"},
		{"huge modulus", setOf(jwkOf("a", rsaKey().Public(), m{"n": b64(strings.Repeat("\xff", 100_000))})), sign(jwt.SigningMethodRS256, rsaKey(), valid(), m{"kid": "a"}), "unknown key"},
		{"huge exponent", setOf(jwkOf("a", rsaKey().Public(), m{"e": b64(strings.Repeat("\xff", 9))})), sign(jwt.SigningMethodRS256, rsaKey(), valid(), m{"kid": "a"}), "unknown key"},
		{"exponent 1", setOf(jwkOf("a", rsaKey().Public(), m{"e": "AQ"})), sign(jwt.SigningMethodRS256, rsaKey(), valid(), m{"kid": "a"}), "unknown key"},
		{"empty", `{"keys":[]}`, ed("a"), "unknown key"},
		{"no list", `{}`, ed("a"), "down: no JWK set"},
		{"one key", `{"kty":"OKP"}`, ed("a"), "down: no JWK set"},
		{"HTML", `<!DOCTYPE html><title>Sign in</title>`, ed("a"), "down: no JWK set"},
		{"a text", `"keys"`, ed("a"), "down: no JWK set"},
		{"more behind", setOf(jwkOf("a", edKey().Public())) + "x", ed("a"), "down: no JWK set"},
		{"deep", `{"keys":` + strings.Repeat("[", 100_000), ed("a"), "down: no JWK set"},
		{"101 keys", setOf(many...), ed("a"), "down: it has 101 keys"},
		{"two megabytes", setOf(jwkOf("a", edKey().Public(), m{"x5c": strings.Repeat("x", 2<<20)})), ed("a"), "down: it answers with over 1048576 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			i := &issuer{set: tc.set}
			v := running(t, i)
			switch reason, down := strings.CutPrefix(tc.want, "down: "); {
			case tc.want == "":
				accepted(t, v, tc.token)
			case down:
				unavailable(t, v, tc.token, reason)
			default:
				refused(t, v, tc.token, tc.want)
			}
		})
	}
}

func TestJWKSTellsWhatItDoesNotUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		i := &issuer{}
		i.publish(jwkOf("good", edKey().Public()), jwkOf("bad\nkid", edKey().Public(), map[string]any{"use": "enc"}))
		running(t, i, func(o *auth.VerifierOptions) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		time.Sleep(time.Hour + time.Second)
		i.answer(`{"keys":[]}`)
		time.Sleep(time.Hour)
		synctest.Wait()
		text := log.String()
		if strings.Count(text, "keys of a token issuer read") != 1 || !strings.Contains(text, `keys=1 not_used="kid \"bad?kid\": not for signatures (use)"`) {
			t.Errorf("log:\n%s", text)
		}
		if strings.Count(text, "level=WARN") != 6 || !strings.Contains(text, "has no key that can be used") {
			t.Errorf("log:\n%s", text)
		}
	})
}

func TestJWKSURL(t *testing.T) {
	for url, want := range map[string]string{
		"https://id.example/keys":              "",
		"HTTPS://id.example":                   "",
		"https://10.0.0.1:8443/keys":           "", // named by the operator, proved by its certificate
		"http://localhost:9000/keys":           "",
		"http://LOCALHOST/keys":                "",
		"http://127.0.0.1/keys":                "",
		"http://127.8.8.8/keys":                "",
		"http://[::1]:80/keys":                 "",
		"http://[::ffff:127.0.0.1]/keys":       "",
		"http://id.example/keys":               "http to id.example: anybody on the way",
		"http://127.0.0.1.id.example/keys":     "http to 127.0.0.1.id.example",
		"http://localhost.id.example/keys":     "http to localhost.id.example",
		"http://localhost./keys":               "http to localhost.",
		"http://10.0.0.1/keys":                 "http to 10.0.0.1",
		"http://0.0.0.0/keys":                  "http to 0.0.0.0",
		"http://2130706433/keys":               "http to 2130706433",
		"http://127.1/keys":                    "http to 127.1",
		"http://169.254.169.254/latest":        "http to 169.254.169.254",
		"http://[::ffff:10.0.0.1]/keys":        "http to ::ffff:10.0.0.1",
		"http://localhost@id.example/keys":     "user or password",
		"https://ann:secret@id.example/keys":   "user or password",
		"ftp://id.example/keys":                "must begin with https://",
		"file:///etc/keys.json":                "no host",
		"id.example/keys":                      "no host",
		"/keys":                                "no host",
		"https:///keys":                        "no host",
		"https://:443/keys":                    "no host",
		"https://id.example/%zz secret":        "cannot be read as a URL",
		"https://id.example:secret/":           "cannot be read as a URL",
		"javascript:alert(1)":                  "no host",
		"https:id.example":                     "no host",
		"http://127.0.0.1\\@id.example/keys":   "cannot be read as a URL",
		"http://127.0.0.1%2eid.example/keys":   "cannot be read as a URL",
		"http://127.0.0.1 .id.example/secrets": "cannot be read as a URL",
	} {
		_, err := auth.NewVerifier(auth.VerifierOptions{JWKS: url})
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", url, err)
		case want != "" && (err == nil || !strings.HasPrefix(err.Error(), "JWKS URL: ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")):
			t.Errorf("%s: error = %v, want %s", url, err, want)
		}
	}
}

// Over real HTTP, with the client of its own.
func TestJWKSOverHTTP(t *testing.T) {
	var inside atomic.Int32
	good := setOf(jwkOf("a", edKey().Public()))
	secretPlace := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		inside.Add(1)
		io.WriteString(w, good)
	}))
	defer secretPlace.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/good", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, good) })
	for _, code := range []int{301, 302, 303, 307, 308} {
		mux.HandleFunc(fmt.Sprint("/", code), func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, secretPlace.URL+"/good", code)
		})
	}
	mux.HandleFunc("/self", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/good", http.StatusFound) })
	mux.HandleFunc("/500", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		io.WriteString(w, good)
	})
	mux.HandleFunc("/204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	mux.HandleFunc("/headers", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 1<<20))
		io.WriteString(w, good)
	})
	var bomb bytes.Buffer // made before anybody waits for it
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(bytes.Repeat([]byte(" "), 16<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	mux.HandleFunc("/bomb", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb.Bytes())
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<16)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "9999")
		io.WriteString(w, good)
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	for path, want := range map[string]string{
		"/good": "", "/self": "status 302: redirects are not followed",
		"/301": "status 301: redirects are not followed", "/302": "status 302", "/303": "status 303", "/307": "status 307", "/308": "status 308",
		"/500": "status 500", "/204": "status 204", "/none": "status 404",
		"/headers": "header", "/bomb": "over 1048576 bytes", "/endless": "over 1048576 bytes", "/cut": "unexpected EOF",
	} {
		t.Run(path, func(t *testing.T) {
			v := newVerifier(t, auth.VerifierOptions{JWKS: server.URL + path})
			run(t, v)
			if want == "" {
				accepted(t, v, ed("a"))
			} else {
				unavailable(t, v, ed("a"), want)
			}
		})
	}
	if n := inside.Load(); n != 0 {
		t.Errorf("redirects have led inside %d times", n)
	}
	server.Close()
	v := newVerifier(t, auth.VerifierOptions{JWKS: server.URL + "/good"})
	run(t, v)
	unavailable(t, v, ed("a"), "connection refused")
}

// Over https the certificate says whom it talks to.
func TestJWKSOverTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, setOf(jwkOf("a", edKey().Public())))
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	server.StartTLS()
	defer server.Close()
	stranger := newVerifier(t, auth.VerifierOptions{JWKS: server.URL})
	run(t, stranger)
	unavailable(t, stranger, ed("a"), "certificate")
	friend := newVerifier(t, auth.VerifierOptions{JWKS: server.URL, HTTPClient: server.Client()})
	run(t, friend)
	accepted(t, friend, ed("a"))
}
