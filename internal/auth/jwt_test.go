package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
)

var secret = []byte("a secret of thirty-two bytes, ok")

// Keys are made once: RSA's take a while.
var (
	rsaKey  = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
	rsaKey2 = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
	p256    = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P256()) })
	p384    = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P384()) })
	p521    = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P521()) })
	edKey   = sync.OnceValue(func() ed25519.PrivateKey {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		must(err)
		return key
	})
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func newRSA(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	must(err)
	return key
}

func newEC(curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	must(err)
	return key
}

func newVerifier(t testing.TB, opt auth.VerifierOptions) *auth.Verifier {
	t.Helper()
	v, err := auth.NewVerifier(opt)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// valid is claims that nothing is wrong with, and what with changes in them.
func valid(with ...jwt.MapClaims) jwt.MapClaims {
	c := jwt.MapClaims{"sub": "ann", "exp": time.Now().Add(time.Hour).Unix()}
	for _, more := range with {
		maps.Copy(c, more)
	}
	return c
}

// sign makes a token with any header.
func sign(method jwt.SigningMethod, key any, claims jwt.MapClaims, header ...map[string]any) string {
	token := jwt.NewWithClaims(method, claims)
	for _, more := range header {
		maps.Copy(token.Header, more)
	}
	text, err := token.SignedString(key)
	must(err)
	return text
}

func hs(claims jwt.MapClaims, header ...map[string]any) string {
	return sign(jwt.SigningMethodHS256, secret, claims, header...)
}

// signText signs a header and a payload that need not be JSON.
func signText(header, payload string) string {
	signed := b64(header) + "." + b64(payload)
	sig, err := jwt.SigningMethodHS256.Sign(signed, secret)
	must(err)
	return signed + "." + b64(string(sig))
}

func b64(text string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// refused fails unless v refuses the token for a reason that has these words.
// No reason may tell the token.
func refused(t *testing.T, v *auth.Verifier, token, reason string) {
	t.Helper()
	claims, err := v.Verify(t.Context(), token)
	switch {
	case err == nil:
		t.Errorf("accepted as %v, want %q", claims.User, reason)
	case !errors.Is(err, auth.ErrToken) || errors.Is(err, parley.ErrUnavailable):
		t.Errorf("error = %v, which is no ErrToken alone", err)
	case !strings.HasPrefix(err.Error(), "token refused: ") || !strings.Contains(err.Error(), reason):
		t.Errorf("error = %v, want %q", err, reason)
	}
	if err == nil {
		return
	}
	if len(err.Error()) > 300 {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
	for i, part := range strings.Split(token, ".") {
		plain, _ := base64.RawURLEncoding.DecodeString(part)
		for _, text := range []string{part, string(plain)} {
			if len(text) > 8 && (i > 0 || len(text) > 40) && strings.Contains(err.Error(), text[:min(len(text), 41)]) {
				t.Errorf("error = %v, which tells part %d of the token", err, i+1)
			}
		}
	}
}

func accepted(t *testing.T, v *auth.Verifier, token string) auth.Claims {
	t.Helper()
	claims, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Errorf("error = %v", err)
	}
	return claims
}

// pairs are every algorithm with its keys.
func pairs() map[jwt.SigningMethod][2]any {
	return map[jwt.SigningMethod][2]any{
		jwt.SigningMethodRS256: {rsaKey(), rsaKey().Public()},
		jwt.SigningMethodRS384: {rsaKey(), rsaKey().Public()},
		jwt.SigningMethodRS512: {rsaKey(), rsaKey().Public()},
		jwt.SigningMethodPS256: {rsaKey(), rsaKey().Public()},
		jwt.SigningMethodPS384: {rsaKey(), rsaKey().Public()},
		jwt.SigningMethodPS512: {rsaKey(), rsaKey().Public()},
		jwt.SigningMethodES256: {p256(), p256().Public()},
		jwt.SigningMethodES384: {p384(), p384().Public()},
		jwt.SigningMethodES512: {p521(), p521().Public()},
		jwt.SigningMethodEdDSA: {edKey(), edKey().Public()},
		jwt.SigningMethodHS256: {secret, secret},
		jwt.SigningMethodHS384: {secret, secret},
		jwt.SigningMethodHS512: {secret, secret},
	}
}

func TestEveryAlgorithm(t *testing.T) {
	for method, keys := range pairs() {
		opt := auth.VerifierOptions{}
		if key, is := keys[1].([]byte); is {
			opt.Secrets = [][]byte{[]byte("another"), key}
		} else {
			opt.Keys = []crypto.PublicKey{keys[1]}
		}
		token := sign(method, keys[0], valid())
		claims := accepted(t, newVerifier(t, opt), token)
		if claims.User.ID() != "ann" || time.Until(claims.Expires) < 50*time.Minute {
			t.Errorf("%s: user %q until %v", method.Alg(), claims.User.ID(), claims.Expires)
		}
		// Changed claims, the signature of others.
		other := sign(method, keys[0], valid(jwt.MapClaims{"sub": "bob"}))
		refused(t, newVerifier(t, opt), token[:strings.LastIndex(token, ".")]+other[strings.LastIndex(other, "."):], "no key fits its signature")
		// No other algorithm, though the key is right.
		for _, only := range []string{"HS256", "RS384", "PS512", "ES256", "EdDSA"} {
			opt.Algorithms = []string{only}
			if v, err := auth.NewVerifier(opt); err == nil && only != method.Alg() {
				refused(t, v, token, fmt.Sprintf("signed with %q, accepted: %s", method.Alg(), only))
			}
		}
	}
}

// A key is used with the algorithms of its kind only, whatever a header says.
func TestKeyDecidesAlgorithm(t *testing.T) {
	all := []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
	for key, fit := range map[crypto.Signer]string{
		rsaKey(): "PS256, PS384, PS512, RS256, RS384, RS512", p256(): "ES256", p384(): "ES384", p521(): "ES512",
	} {
		v := newVerifier(t, auth.VerifierOptions{Keys: []crypto.PublicKey{key.Public()}})
		for _, alg := range all {
			if !strings.Contains(fit, alg) {
				refused(t, v, signText(`{"alg":"`+alg+`"}`, "{}"), fmt.Sprintf("signed with %q, accepted: %s", alg, fit))
			}
		}
	}

	// ES512 with the key of ES256: right but for the curve.
	signed := b64(`{"alg":"ES512"}`) + "." + b64(fmt.Sprintf(`{"sub":"ann","exp":%d}`, time.Now().Unix()+60))
	sum := sha512.Sum512([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, p256(), sum[:])
	must(err)
	sig := make([]byte, 2*66)
	r.FillBytes(sig[:66])
	s.FillBytes(sig[66:])
	token := signed + "." + b64(string(sig))
	if _, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return p256().Public(), nil }); err != nil {
		t.Fatalf("the token shows nothing: %v", err)
	}
	refused(t, newVerifier(t, auth.VerifierOptions{Keys: []crypto.PublicKey{p256().Public()}}), token, `signed with "ES512"`)
	refused(t, newVerifier(t, auth.VerifierOptions{Keys: []crypto.PublicKey{p256().Public(), p521().Public()}}), token, "no key fits its signature")
}

func TestAlgorithmNone(t *testing.T) {
	claims := fmt.Sprintf(`{"sub":"ann","exp":%d}`, time.Now().Add(time.Hour).Unix())
	v := newVerifier(t, auth.VerifierOptions{Secrets: [][]byte{secret}, Keys: []crypto.PublicKey{rsaKey().Public()}})
	for bits := range 16 {
		alg := []byte("none")
		for i := range alg {
			if bits>>i&1 == 1 {
				alg[i] -= 'a' - 'A'
			}
		}
		header := fmt.Sprintf(`{"alg":%q}`, alg)
		refused(t, v, b64(header)+"."+b64(claims)+".", "its signature is not base64url")
		refused(t, v, b64(header)+"."+b64(claims)+".AA", fmt.Sprintf("signed with %q", alg))
		refused(t, v, signText(header, claims), fmt.Sprintf("signed with %q", alg))
	}
	for _, header := range []string{`{}`, `{"alg":null}`, `{"alg":["HS256"]}`, `{"alg":{"a":1}}`, `{"Alg":"HS256"}`} {
		refused(t, v, signText(header, claims), "no alg that is a text")
	}
	for _, header := range []string{`{"alg":""}`, `{"alg":"hs256"}`, `{"alg":"HS256 "}`, `{"alg":"HS1"}`, `{"alg":"RS1"}`, `{"alg":"` + strings.Repeat("x", 1000) + `"}`, `{"alg":"none\u0000HS256"}`} {
		refused(t, v, signText(header, claims), "accepted: ")
	}
	for _, alg := range []string{"none", "None", "", "HS256 ", "*"} {
		if _, err := auth.NewVerifier(auth.VerifierOptions{Secrets: [][]byte{secret}, Algorithms: []string{alg}}); err == nil {
			t.Errorf("algorithms: [%q] loads", alg)
		}
	}
}

// The public key, which everybody has, as the secret of an HMAC.
func TestPublicKeyIsNoSecret(t *testing.T) {
	for _, private := range []crypto.Signer{rsaKey(), p256(), edKey()} {
		der, err := x509.MarshalPKIXPublicKey(private.Public())
		must(err)
		text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		secrets := [][]byte{text, []byte(strings.TrimSpace(string(text))), der}
		if key, ok := private.Public().(*rsa.PublicKey); ok {
			secrets = append(secrets, key.N.Bytes(), x509.MarshalPKCS1PublicKey(key))
		}
		if key, ok := private.Public().(ed25519.PublicKey); ok {
			secrets = append(secrets, key)
		}
		alone := newVerifier(t, auth.VerifierOptions{Keys: []crypto.PublicKey{private.Public()}})
		both := newVerifier(t, auth.VerifierOptions{Keys: []crypto.PublicKey{private.Public()}, Secrets: [][]byte{secret}})
		for _, known := range secrets {
			for _, method := range []jwt.SigningMethod{jwt.SigningMethodHS256, jwt.SigningMethodHS384, jwt.SigningMethodHS512} {
				refused(t, alone, sign(method, known, valid()), `signed with "HS`)
				refused(t, both, sign(method, known, valid()), "no key fits its signature")
			}
		}
		if _, err := auth.NewVerifier(auth.VerifierOptions{Secrets: [][]byte{text}}); err == nil || !strings.Contains(err.Error(), "a PEM key is no secret") {
			t.Errorf("a public key as secret: %v", err)
		}
	}
}

// CVE-2022-21449: Java took a signature of zeros for right.
func TestPsychicSignature(t *testing.T) {
	for method, key := range map[*jwt.SigningMethodECDSA]*ecdsa.PrivateKey{jwt.SigningMethodES256: p256(), jwt.SigningMethodES384: p384(), jwt.SigningMethodES512: p521()} {
		v := newVerifier(t, auth.VerifierOptions{Keys: []crypto.PublicKey{key.Public()}})
		token := sign(method, key, valid())
		signed := token[:strings.LastIndex(token, ".")+1]
		order := key.Params().N.FillBytes(make([]byte, method.KeySize))
		one := append(make([]byte, method.KeySize-1), 1)
		for _, sig := range [][]byte{
			make([]byte, 2*method.KeySize), slices.Concat(order, order), slices.Concat(one, order), slices.Concat(order, one),
			make([]byte, 1), make([]byte, 2*method.KeySize+2),
			{0x30, 6, 2, 1, 0, 2, 1, 0},
		} {
			refused(t, v, signed+b64(string(sig)), "no key fits its signature")
		}
	}
}

func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().Unix()
		at := func(seconds int64) string { return fmt.Sprint(now + seconds) }
		v := newVerifier(t, auth.VerifierOptions{Secrets: [][]byte{secret}})
		strict := newVerifier(t, auth.VerifierOptions{Secrets: [][]byte{secret}, Leeway: -1})
		for _, tc := range []struct {
			claims       string
			want, strict string // "" is accepted
		}{
			{`"exp":` + at(1), "", ""},
			{`"exp":` + at(0), "", "expired 0s ago"},
			{`"exp":` + at(-9), "", "expired 9s ago"},
			{`"exp":` + at(-10), "expired 10s ago", "expired"},
			{`"exp":` + at(-190), "expired 3m10s ago", "expired"},
			{`"exp":` + at(0) + `.5`, "", ""},
			{`"exp":0`, "expired", "expired"},
			{`"exp":253402300799`, "", ""},
			{`"exp":9.5e11`, "exp is no time in seconds", "exp is no time"},
			{`"exp":1e400`, "exp is no time in seconds", "exp is no time"},
			{`"exp":99999999999999999999999999`, "exp is no time in seconds", "exp is no time"},
			{`"exp":-1`, "exp is no time in seconds", "exp is no time"},
			{`"exp":"` + at(100) + `"`, "exp is no time in seconds", "exp is no time"},
			{`"exp":null`, "exp is no time in seconds", "exp is no time"},
			{`"exp":true`, "exp is no time in seconds", "exp is no time"},
			{`"exp":[` + at(100) + `]`, "exp is no time in seconds", "exp is no time"},
			{`"EXP":` + at(100), "it has no exp", "it has no exp"},
			{`"x":1`, "it has no exp: a token has to say when it expires", "it has no exp"},
			{`"exp":` + at(100) + `,"nbf":` + at(10), "", "not valid before another 10s"},
			{`"exp":` + at(100) + `,"nbf":` + at(11), "not valid before another 11s", "not valid"},
			{`"exp":` + at(100) + `,"nbf":` + at(0), "", ""},
			{`"exp":` + at(100) + `,"nbf":"0"`, "nbf is no time", "nbf is no time"},
			{`"exp":` + at(100) + `,"iat":` + at(10), "", "issued 10s in the future"},
			{`"exp":` + at(100) + `,"iat":` + at(11), "issued 11s in the future", "issued"},
			{`"exp":` + at(100) + `,"iat":{}`, "iat is no time", "iat is no time"},
		} {
			token := signText(`{"alg":"HS256"}`, `{"sub":"ann",`+tc.claims+`}`)
			for verifier, want := range map[*auth.Verifier]string{v: tc.want, strict: tc.strict} {
				if want == "" {
					accepted(t, verifier, token)
				} else {
					refused(t, verifier, token, want)
				}
			}
		}

		claims := accepted(t, v, hs(valid()))
		time.Sleep(time.Until(claims.Expires))
		if got := time.Now(); !got.Equal(claims.Expires) || got.Unix() != now+3600 {
			t.Errorf("expires at %v", claims.Expires)
		}
	})
}

func TestIssuerAndAudience(t *testing.T) {
	v := newVerifier(t, auth.VerifierOptions{Secrets: [][]byte{secret}, Issuer: "https://id.example", Audience: []string{"chat", "news"}})
	good := jwt.MapClaims{"iss": "https://id.example", "aud": "chat"}
	for _, aud := range []any{"chat", "news", []string{"chat"}, []string{"mail", "news"}, []any{1, nil, "chat"}} {
		accepted(t, v, hs(valid(good, jwt.MapClaims{"aud": aud})))
	}
	for _, tc := range []struct {
		claims jwt.MapClaims
		want   string
	}{
		{jwt.MapClaims{"aud": "mail"}, "another audience"},
		{jwt.MapClaims{"aud": "Chat"}, "another audience"},
		{jwt.MapClaims{"aud": "chat news"}, "another audience"},
		{jwt.MapClaims{"aud": "chat\x00"}, "another audience"},
		{jwt.MapClaims{"aud": []string{"mail", "cha", "chats"}}, "another audience"},
		{jwt.MapClaims{"aud": []any{[]string{"chat"}, "mail"}}, "another audience"},
		{jwt.MapClaims{"aud": []string{}}, "no audience"},
		{jwt.MapClaims{"aud": ""}, "no audience"},
		{jwt.MapClaims{"aud": nil}, "no audience"},
		{jwt.MapClaims{"aud": map[string]any{"chat": "chat"}}, "no audience"},
		{jwt.MapClaims{"iss": "https://id.example/"}, "another issuer"},
		{jwt.MapClaims{"iss": "https://ID.example"}, "another issuer"},
		{jwt.MapClaims{"iss": "https://id.example.evil.example"}, "another issuer"},
		{jwt.MapClaims{"iss": []string{"https://id.example"}}, "no issuer"},
		{jwt.MapClaims{"iss": ""}, "no issuer"},
		{jwt.MapClaims{"iss": nil}, "no issuer"},
	} {
		refused(t, v, hs(valid(good, tc.claims)), tc.want)
	}
	refused(t, v, hs(valid()), "no issuer or audience")
	if _, err := auth.NewVerifier(auth.VerifierOptions{Secrets: [][]byte{secret}, Audience: []string{""}}); err == nil {
		t.Error("an empty audience loads")
	}
}

// What a token's header says about keys is not followed, wherever it points.
func TestHeaderNamesNoKeys(t *testing.T) {
	calls := 0
	client := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		calls++
		return nil, errors.New("somebody has called")
	})}
	v := newVerifier(t, auth.VerifierOptions{Keys: []crypto.PublicKey{rsaKey().Public()}, HTTPClient: client})
	evil := rsaKey2()
	own := jwkOf("evil", evil.Public())
	chain := base64.StdEncoding.EncodeToString([]byte("certificate"))
	for _, header := range []map[string]any{
		{"jwk": own},
		{"jku": "http://127.0.0.1:1/evil.json"},
		{"jku": "https://evil.example/keys", "kid": "evil"},
		{"x5u": "http://169.254.169.254/latest/meta-data"},
		{"x5c": []string{chain}},
		{"jwk": own, "jku": "https://evil.example", "x5u": "https://evil.example", "x5c": []string{chain}, "x5t": "a", "kid": "evil"},
	} {
		refused(t, v, sign(jwt.SigningMethodRS256, evil, valid(), header), "no key fits its signature")
		accepted(t, v, sign(jwt.SigningMethodRS256, rsaKey(), valid(), header))
	}
	if calls != 0 {
		t.Errorf("%d requests", calls)
	}
}

var strangeKids = []string{
	"../../../../dev/null", "/proc/sys/kernel/randomize_va_space", `..\..\keys\public.pem`, "file:///etc/passwd",
	"http://127.0.0.1:9988/keys", "https://evil.example/keys.json", "key' OR '1'='1", "x' UNION SELECT 'secret", "key; sleep 10",
	"| cat /etc/passwd", "$(id)", "a\x00b", "\r\nSet-Cookie: sid=1", "\x1b[31mred", "\u202egnp.exe", "é", strings.Repeat("k", 9000), "__proto__", " ", "%2e%2e",
}

func TestKidIsOnlyAName(t *testing.T) {
	v := newVerifier(t, auth.VerifierOptions{Secrets: [][]byte{secret}})
	for _, kid := range strangeKids {
		accepted(t, v, hs(valid(), map[string]any{"kid": kid}))
		token := sign(jwt.SigningMethodHS256, []byte{}, valid(), map[string]any{"kid": kid})
		refused(t, v, token, "no key fits its signature (alg HS256, kid ")
		_, err := v.Verify(t.Context(), token)
		for _, c := range err.Error() {
			if c < ' ' || c > '~' {
				t.Errorf("kid %q: the error has the character %q", kid, c)
			}
		}
	}
	for _, kid := range []any{nil, 1, true, []string{"a"}, map[string]any{"a": "b"}} {
		refused(t, v, hs(valid(), map[string]any{"kid": kid}), "its kid is no text")
	}
}

func TestHeader(t *testing.T) {
	v := newVerifier(t, auth.VerifierOptions{Secrets: [][]byte{secret}})
	for _, typ := range []string{"JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/jwt"} {
		accepted(t, v, hs(valid(), map[string]any{"typ": typ}))
	}
	for _, typ := range []any{"", "JWS", "JOSE", "logout+jwt", "secevent+jwt", "dpop+jwt", "jwt ", nil, 7, []string{"JWT"}} {
		refused(t, v, hs(valid(), map[string]any{"typ": typ}), "its typ is neither")
	}
	for _, crit := range []any{[]string{"exp"}, []string{}, nil, "b64", true} {
		refused(t, v, hs(valid(), map[string]any{"crit": crit, "b64": false}), "extensions (crit)")
	}
}

func TestForm(t *testing.T) {
	v := newVerifier(t, auth.VerifierOptions{Secrets: [][]byte{secret}})
	good := hs(valid())
	accepted(t, v, good)
	parts := strings.Split(good, ".")
	exp := fmt.Sprint(time.Now().Add(time.Hour).Unix())
	header := `{"alg":"HS256"}`
	deep := func(n int) string {
		return `{"sub":"ann","exp":` + exp + `,"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
	}
	accepted(t, v, signText(header, deep(63)))
	accepted(t, v, signText(header, `{"sub":"ann","exp":`+exp+`,"a":"`+strings.Repeat(`[{\"`, 100)+`"}`))
	for _, tc := range []struct{ name, token, want string }{
		{"nothing", "", "it is empty"},
		{"a dot", ".", "not three parts"},
		{"two dots", "..", "its header is not base64url"},
		{"two parts", parts[0] + "." + parts[1], "not three parts"},
		{"no payload", parts[0] + ".." + parts[2], "its payload is not base64url"},
		{"no signature", parts[0] + "." + parts[1] + ".", "its signature is not base64url"},
		{"four parts", good + ".AA", "not three parts"},
		{"encrypted", "AA.AA.AA.AA.AA", "encrypted"},
		{"10,000 dots", strings.Repeat(".", 10_000), "not three parts"},
		{"a megabyte", strings.Repeat("a", 1<<20), "longer than 16384 bytes"},
		{"a megabyte of claims", hs(valid(jwt.MapClaims{"x": strings.Repeat("x", 1<<20)})), "longer than 16384 bytes"},
		{"Bearer", "Bearer " + good, "a character that no JWT has"},
		{"space behind", good + " ", "a character that no JWT has"},
		{"line break behind", good + "\n", "a character that no JWT has"},
		{"line break inside", good[:10] + "\r\n" + good[10:], "a character that no JWT has"},
		{"padding", parts[0] + "." + parts[1] + "." + parts[2] + "=", "a character that no JWT has"},
		{"base64 that is not of URLs", parts[0] + "." + parts[1] + ".+/" + parts[2][2:], "a character that no JWT has"},
		{"not ASCII", good + "é", "a character that no JWT has"},
		{"NUL", good + "\x00", "a character that no JWT has"},
		{"length that no base64 has", good + "aa", "its signature is not base64url"},
		{"bits that do not count", parts[0] + "." + parts[1] + "." + looseEnd(parts[2]), "its signature is not base64url"},
		{"header no JSON", signText("{", "{}"), "its header is not JSON"},
		{"header no object", signText(`["HS256"]`, "{}"), "its header is no JSON object"},
		{"header null", signText(`null`, "{}"), "its header is no JSON object"},
		{"header with more behind", signText(`{"alg":"HS256"}{}`, "{}"), "its header is not JSON"},
		{"two algs", signText(`{"alg":"none","alg":"HS256"}`, "{}"), "its header is ambiguous"},
		{"two algs, one escaped", signText(`{"alg":"HS256","\u0061lg":"HS256"}`, "{}"), "its header is ambiguous"},
		{"header not UTF-8", signText("{\"alg\":\"HS256\",\"x\":\"\xff\"}", "{}"), "its header is not UTF-8"},
		{"header with BOM", signText("\ufeff"+header, "{}"), "its header is not JSON"},
		{"payload no JSON", signText(header, "sub=ann"), "its payload is not JSON"},
		{"payload no object", signText(header, `"ann"`), "its payload is no JSON object"},
		{"payload a token", signText(header, good), "its payload is not JSON"},
		{"two subs", signText(header, `{"sub":"bob","sub":"ann","exp":`+exp+`}`), "its payload is ambiguous"},
		{"two exps", signText(header, `{"sub":"ann","exp":1,"exp":`+exp+`}`), "its payload is ambiguous"},
		{"two subs, one escaped", signText(header, `{"sub":"bob","s\u0075b":"ann","exp":`+exp+`}`), "its payload is ambiguous"},
		{"payload not UTF-8", signText(header, "{\"sub\":\"\xc0\xaf\"}"), "its payload is not UTF-8"},
		{"deep", signText(header, deep(64)), "its payload is nested too deep"},
		{"deeper", signText(header, deep(5000)), "its payload is nested too deep"},
		{"deep and not closed", signText(header, strings.Repeat(`{"a":`, 1000)), "its payload is nested too deep"},
		{"deep header", signText(strings.Repeat("[", 5000), "{}"), "its header is nested too deep"},
		{"a signature for other claims", parts[0] + "." + b64(`{"sub":"bob","exp":`+exp+`}`) + "." + parts[2], "no key fits its signature"},
		{"claims that are unsigned are not read", parts[0] + "." + b64("[") + "." + parts[2], "no key fits its signature"},
	} {
		t.Run(tc.name, func(t *testing.T) { refused(t, v, tc.token, tc.want) })
	}
}

// looseEnd is the same bytes in base64url with other bits where none count: a
// signature of 32 bytes leaves two of them.
func looseEnd(part string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(letters, part[len(part)-1])
	return part[:len(part)-1] + letters[last+1:last+2]
}

func TestUserOfToken(t *testing.T) {
	payload := fmt.Sprintf(`{"sub":"ann","exp":%d,"n":12345678901234567890, "id":"not me",
		"email":"ann@a.example","realm":{ "roles" : ["admin", "ops"], "deep":{"x":null}}, "https://a.example/team":"red", "a.b":{"c.d":1}, "empty":""}`, time.Now().Add(time.Hour).Unix())
	token := signText(`{"alg":"HS256"}`, payload)
	for _, tc := range []struct {
		attributes map[string]string
		want       string // as JSON; of all claims, some
		refused    string
	}{
		{nil, `{"id":"ann","sub":"ann","email":"ann@a.example","n":12345678901234567890}`, ""},
		{map[string]string{"mail": "email"}, `{"id":"ann","mail":"ann@a.example"}`, ""},
		{map[string]string{"id": "email", "role": "realm.roles"}, `{"id":"ann@a.example","role":["admin","ops"]}`, ""},
		{map[string]string{"id": "n"}, `{"id":12345678901234567890}`, ""},
		{map[string]string{"team": "https://a.example/team", "x": "a.b.c.d"}, `{"id":"ann","team":"red","x":1}`, ""},
		{map[string]string{"x": "realm.deep.x", "y": "realm.deep.x.z", "z": "nowhere", "w": "email.x", "v": "realm.roles.0", "u": ""}, `{"id":"ann","x":null}`, ""},
		{map[string]string{"id": "nowhere"}, "", `its claim "nowhere", which is the user's id`},
		{map[string]string{"id": "realm"}, "", "no text or number"},
		{map[string]string{"id": "realm.roles"}, "", "no text or number"},
		{map[string]string{"id": "realm.deep.x"}, "", "no text or number"},
		{map[string]string{"id": "empty"}, "", "no text or number"},
	} {
		v := newVerifier(t, auth.VerifierOptions{Secrets: [][]byte{secret}, User: tc.attributes})
		if tc.refused != "" {
			refused(t, v, token, tc.refused)
			continue
		}
		user := accepted(t, v, token).User
		var want map[string]json.RawMessage
		must(json.Unmarshal([]byte(tc.want), &want))
		if tc.attributes != nil && len(user) != len(want) {
			t.Errorf("%v: attributes %v", tc.attributes, user)
		}
		for name, value := range want {
			if got := strings.Join(strings.Fields(string(user[name])), ""); got != string(value) {
				t.Errorf("%v: %s = %s, want %s", tc.attributes, name, got, value)
			}
		}
	}
	v := newVerifier(t, auth.VerifierOptions{Secrets: [][]byte{secret}})
	for _, sub := range []any{nil, "", true, []string{"ann"}, map[string]any{"id": "ann"}} {
		refused(t, v, hs(valid(jwt.MapClaims{"sub": sub, "id": "ann"})), `its claim "sub"`)
	}
	refused(t, v, hs(jwt.MapClaims{"id": "ann", "exp": time.Now().Unix() + 9}), `its claim "sub"`)
	if got := accepted(t, v, hs(valid(jwt.MapClaims{"sub": 17}))).User.ID(); got != "17" {
		t.Errorf("id = %q", got)
	}
}

func TestSecretsRotate(t *testing.T) {
	old, next := []byte("the old secret of the issuer 1234"), secret
	v := newVerifier(t, auth.VerifierOptions{Secrets: [][]byte{next, old}})
	for _, key := range [][]byte{old, next} {
		token, err := auth.SignHS(key, valid())
		must(err)
		accepted(t, v, token)
	}
	token, err := auth.SignHS([]byte("one that is gone"), valid())
	must(err)
	refused(t, v, token, "no key fits its signature (alg HS256, no kid)")
	for _, bad := range []string{"", " \n", "-----BEGIN PUBLIC KEY-----\n"} {
		if _, err := auth.SignHS([]byte(bad), valid()); err == nil {
			t.Errorf("signed with %q", bad)
		}
		if _, err := auth.NewVerifier(auth.VerifierOptions{Secrets: [][]byte{[]byte(bad)}}); err == nil {
			t.Errorf("%q is a secret", bad)
		}
	}
	if _, err := auth.SignHS(secret, map[string]any{"f": func() {}}); err == nil {
		t.Error("signed a function")
	}
}

func TestNewVerifierErrors(t *testing.T) {
	weak, short := newRSA(1024), ed25519.PublicKey("short")
	odd := &rsa.PublicKey{N: rsaKey().N, E: 1}
	for _, tc := range []struct {
		opt  auth.VerifierOptions
		want string
	}{
		{auth.VerifierOptions{}, "nothing to verify tokens with"},
		{auth.VerifierOptions{Secrets: [][]byte{secret, nil}}, "secret 2: empty"},
		{auth.VerifierOptions{Keys: []crypto.PublicKey{weak.Public()}}, "key 1: RSA key of 1024 bits: between 2048 and 8192"},
		{auth.VerifierOptions{Keys: []crypto.PublicKey{odd}}, "key 1: RSA key with the exponent 1"},
		{auth.VerifierOptions{Keys: []crypto.PublicKey{&rsa.PublicKey{}}}, "key 1: RSA key without a modulus"},
		{auth.VerifierOptions{Keys: []crypto.PublicKey{newEC(elliptic.P224()).Public()}}, "key 1: elliptic curve key: its curve is none of P-256"},
		{auth.VerifierOptions{Keys: []crypto.PublicKey{short}}, "key 1: Ed25519 key of 5 bytes"},
		{auth.VerifierOptions{Keys: []crypto.PublicKey{rsaKey()}}, "key 1: *rsa.PrivateKey: no RSA"},
		{auth.VerifierOptions{Keys: []crypto.PublicKey{secret}}, "key 1: []uint8: no RSA"},
		{auth.VerifierOptions{Secrets: [][]byte{secret}, Algorithms: []string{"RS256"}}, "algorithm RS256: no secret or key is for it"},
		{auth.VerifierOptions{Keys: []crypto.PublicKey{rsaKey().Public()}, Algorithms: []string{"PS256", "HS256"}}, "algorithm HS256: no secret or key is for it"},
		{auth.VerifierOptions{JWKS: "https://id.example/k", Algorithms: []string{"HS256"}}, "algorithm HS256: no secret or key is for it"},
		{auth.VerifierOptions{Secrets: [][]byte{secret}, Algorithms: []string{"none"}}, `algorithm "none": not one of HS256, HS384`},
	} {
		if _, err := auth.NewVerifier(tc.opt); err == nil || !strings.HasPrefix(err.Error(), tc.want) && !strings.HasSuffix(err.Error(), tc.want) {
			t.Errorf("error = %v, want %s", err, tc.want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	parts := strings.Split(hs(jwt.MapClaims{"sub": "ann", "exp": 4e9}), ".")
	f.Add(strings.Join(parts, "."), []byte(`{"sub":"ann","exp":4000000000}`))
	for _, payload := range []string{`{"exp":1e400}`, `{"sub":"a","sub":"b"}`, `[[[`, `{"sub":1,"exp":4e9,"aud":["a",1]}`, `{"sub":"\ud800","exp":4e9}`} {
		f.Add(signText(`{"alg":"HS256","kid":"a"}`, payload), []byte(payload))
		f.Add(b64(`{"alg":"none"}`)+"."+b64(payload)+".", []byte(payload))
	}
	v := newVerifier(f, auth.VerifierOptions{Secrets: [][]byte{secret}, Keys: []crypto.PublicKey{p256().Public()}})
	f.Fuzz(func(t *testing.T, token string, payload []byte) {
		claims, err := v.Verify(t.Context(), token)
		switch {
		case err != nil && !errors.Is(err, auth.ErrToken):
			t.Fatalf("error = %v", err)
		case err == nil:
			// Who has no key has only what was signed with it, letter by letter.
			if again := strings.Split(token, "."); len(again) != 3 || resigned(again) != token {
				t.Fatalf("accepted %q", token)
			}
		}
		// What is signed may be anything.
		signed := signText(`{"alg":"HS256"}`, string(payload))
		claims, err = v.Verify(t.Context(), signed)
		switch {
		case err != nil && !errors.Is(err, auth.ErrToken):
			t.Fatalf("error = %v", err)
		case err == nil && (claims.User.ID() == "" || claims.Expires.IsZero() || !json.Valid(payload)):
			t.Fatalf("accepted %q as %v", payload, claims)
		}
	})
}

func resigned(parts []string) string {
	signed := parts[0] + "." + parts[1]
	sig, err := jwt.SigningMethodHS256.Sign(signed, secret)
	must(err)
	return signed + "." + b64(string(sig))
}
