package auth

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley.example/parley"
)

// ErrToken is what every token and ticket is refused with: it is wrong, and
// will be wrong tomorrow. The error's text tells the operator why, and holds
// nothing of the token but its algorithm and the beginning of its kid. What is
// not the token's fault is parley.ErrUnavailable instead.
var ErrToken = errors.New("refused")

// refuse is the error of a token that is not accepted.
func refuse(why string, args ...any) error {
	return fmt.Errorf("token %w: %s", ErrToken, fmt.Sprintf(why, args...))
}

// VerifierOptions say which tokens a Verifier accepts. There must be a secret,
// a key or a JWKS.
type VerifierOptions struct {
	Secrets [][]byte           // for HS256, HS384 and HS512; who knows one can make tokens
	Keys    []crypto.PublicKey // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey; see LoadPublicKeys
	JWKS    string             // where the issuer publishes its keys: https, or http on this machine

	Algorithms []string // accepts these only; empty: all that fit the keys
	Issuer     string   // what iss must be; "": anything
	Audience   []string // one of which aud must name; empty: anything

	// User maps attributes of the user to claims: a name, or a path with dots
	// into claims that are objects. Without "id" in it, id is sub. Empty: every
	// claim is an attribute, and id is sub.
	User map[string]string

	Leeway     time.Duration // how far the issuer's clock may be off; 0 means 10 s, negative none
	HTTPClient *http.Client  // fetches the JWKS; nil: one of its own
	Log        *slog.Logger  // nil means discard
}

// Claims are what a token says.
type Claims struct {
	User    parley.User // has an "id" that is a text or number
	Expires time.Time   // exp. Never zero: a token without is refused
}

// A Verifier reads JSON Web Tokens (RFC 7519) as RFC 8725 advises. Which
// algorithms a key may be used with is decided by the key, never by the token;
// a token's kid chooses among the keys of this Verifier, and nothing else in
// its header is followed. It is safe for concurrent use.
type Verifier struct {
	keys       []verifyKey // of the options; no kid
	jwks       *jwks       // nil without a URL
	algorithms []string
	validator  *jwt.Validator
	attributes map[string]string
}

const defaultLeeway = 10 * time.Second

// NewVerifier makes a Verifier. Its error names what in the options is wrong.
// It fetches nothing: see Run.
func NewVerifier(opt VerifierOptions) (*Verifier, error) {
	v := &Verifier{attributes: maps.Clone(opt.User)}
	for i, secret := range opt.Secrets {
		if err := checkSecret(secret); err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		v.keys = append(v.keys, verifyKey{key: secret, algs: secretAlgorithms()})
	}
	for i, key := range opt.Keys {
		algs, err := publicAlgorithms(key)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		v.keys = append(v.keys, verifyKey{key: key, algs: algs})
	}
	if opt.JWKS != "" {
		set, err := newJWKS(opt.JWKS, opt.HTTPClient, opt.Log)
		if err != nil {
			return nil, fmt.Errorf("JWKS URL: %w", err)
		}
		v.jwks = set
	}
	if len(v.keys) == 0 && v.jwks == nil {
		return nil, errors.New("no secret, key or JWKS URL: nothing to verify tokens with")
	}
	if err := v.chooseAlgorithms(opt.Algorithms); err != nil {
		return nil, err
	}

	leeway := opt.Leeway
	if leeway == 0 {
		leeway = defaultLeeway
	}
	rules := []jwt.ParserOption{jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(max(leeway, 0))}
	if opt.Issuer != "" {
		rules = append(rules, jwt.WithIssuer(opt.Issuer))
	}
	if len(opt.Audience) > 0 {
		rules = append(rules, jwt.WithAudience(opt.Audience...))
	}
	if slices.Contains(opt.Audience, "") {
		return nil, errors.New("an audience is empty")
	}
	v.validator = jwt.NewValidator(rules...)
	return v, nil
}

// chooseAlgorithms sets those that fit the keys, or those of only, which must.
func (v *Verifier) chooseAlgorithms(only []string) error {
	var fit []string
	for _, k := range v.keys {
		fit = append(fit, k.algs...)
	}
	if v.jwks != nil {
		fit = append(fit, keyAlgorithms()...)
	}
	slices.Sort(fit)
	fit = slices.Compact(fit)
	known := append(secretAlgorithms(), keyAlgorithms()...)
	for _, alg := range only {
		switch {
		case !slices.Contains(known, alg):
			return fmt.Errorf("algorithm %q: not one of %s", alg, strings.Join(known, ", "))
		case !slices.Contains(fit, alg):
			return fmt.Errorf("algorithm %s: no secret or key is for it", alg)
		}
	}
	v.algorithms = fit
	if len(only) > 0 {
		v.algorithms = slices.Clone(only)
	}
	return nil
}

// Run fetches the keys of the JWKS URL and keeps them fresh until ctx ends;
// then it returns ctx's cause. It is called once. Until it runs, tokens that
// only such a key can judge are unavailable. Without a URL it waits for ctx.
func (v *Verifier) Run(ctx context.Context) error {
	if v.jwks == nil {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return v.jwks.run(ctx)
}

// Verify reads a token. It may wait for a fetch of the issuer's keys, until ctx
// ends or 5 s have gone. Its error is an ErrToken, or parley.ErrUnavailable if
// the issuer's keys cannot be had now. Nothing a token claims is read before
// its signature has proved right.
func (v *Verifier) Verify(ctx context.Context, token string) (Claims, error) {
	t, err := readToken(token)
	if err != nil {
		return Claims{}, err
	}
	if !slices.Contains(v.algorithms, t.alg) {
		return Claims{}, refuse("signed with %q, accepted: %s", excerpt(t.alg), strings.Join(v.algorithms, ", "))
	}
	if err := v.checkSignature(ctx, t); err != nil {
		return Claims{}, err
	}
	claims, err := readClaims(t.payload)
	if err != nil {
		return Claims{}, err
	}
	if err := v.validator.Validate(claims); err != nil {
		return Claims{}, claims.refuse(err)
	}
	user, err := v.user(claims)
	if err != nil {
		return Claims{}, err
	}
	return Claims{User: user, Expires: claims.exp.Time}, nil
}

// checkSignature looks for the key that signed t, first among those at hand.
func (v *Verifier) checkSignature(ctx context.Context, t signedToken) error {
	if t.signedBy(v.keys) {
		return nil
	}
	if v.jwks == nil || !slices.Contains(keyAlgorithms(), t.alg) {
		return refuse("no key fits its signature (%s)", t.describe())
	}
	for asked := false; ; asked = true {
		keys, named := v.jwks.find(t.alg, t.kid)
		switch {
		case len(keys) > maxTried:
			return refuse("one of %d keys may have signed it (%s): more than %d are not tried", len(keys), t.describe(), maxTried)
		case t.signedBy(keys):
			return nil
		case named:
			return refuse("its signature does not fit its key (%s)", t.describe())
		case asked:
			return refuse("signed with an unknown key (%s)", t.describe())
		}
		news, err := v.jwks.refresh(ctx)
		if err != nil {
			return err
		}
		if !news {
			return refuse("signed with an unknown key (%s)", t.describe())
		}
	}
}

// maxTried is how many of an issuer's keys one token is tried with: each costs
// up to a millisecond.
const maxTried = 10

// signedBy reports whether one of the keys that may be used with t's algorithm
// has signed t.
func (t signedToken) signedBy(keys []verifyKey) bool {
	return slices.ContainsFunc(keys, func(k verifyKey) bool {
		return slices.Contains(k.algs, t.alg) && jwt.GetSigningMethod(t.alg).Verify(t.signed, t.signature, k.key) == nil
	})
}

// SignHS makes a token with HS256.
func SignHS(secret []byte, claims map[string]any) (string, error) {
	if err := checkSecret(secret); err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(claims)).SignedString(secret)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return token, nil
}
