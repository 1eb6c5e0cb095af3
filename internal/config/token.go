package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Algorithms of JWTs: those of a secret, and those of a public key.
var (
	secretAlgorithms = []string{"HS256", "HS384", "HS512"}
	keyAlgorithms    = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)

// token returns nil for false, which means that there are none.
func (b *builder) token(e *entry, endpoint, path string) *Token {
	switch {
	case e == nil || e.value.kind == null || e.value.kind == broken:
		return nil
	case e.value.kind == boolean && e.value.value == false:
		return nil
	case e.value.kind != mapping:
		b.r.addf(ruleType, e.value.pos, path, "must be a mapping, or false for none, not %s", e.value.kind)
		return nil
	}
	to := &Token{Pos: e.pos, Grace: defaultGrace}
	f := b.fields(e.value, tokenKwarg, endpoint, path)
	if s := f["secret"]; s != nil {
		to.Secrets = b.tokenSecrets(s.value, join(path, "secret"))
	}
	if k := f["key"]; k != nil {
		to.Keys = b.keyFiles(k.value, join(path, "key"))
	}
	b.jwks(to, f["jwks"], join(path, "jwks"))
	off := b.ticket(to, f["ticket"], join(path, "ticket"))
	if a := f["algorithms"]; a != nil {
		exact := func(s string) string { return s }
		to.Algorithms = b.words(a.value, join(path, "algorithms"), exact, slices.Concat(secretAlgorithms, keyAlgorithms)...)
	}
	b.text(&to.Issuer, f["issuer"], join(path, "issuer"))
	to.Audience = b.texts(f["audience"], join(path, "audience"))
	to.User = b.claims(f["user"], join(path, "user"))
	if g := f["grace"]; g != nil {
		b.durationOrNone(&to.Grace, g, join(path, "grace"))
		if to.Grace > time.Hour {
			b.r.warnf(ruleWarnLong, g.value.pos, join(path, "grace"),
				"a socket outlives its token by more than an hour; peers can send a fresh one, so some seconds are enough")
		}
	}
	b.tokenFrom(to, f["from"], join(path, "from"))
	if !b.partial {
		b.tokenFits(to, e, f, !off, path)
	}
	return to
}

func (b *builder) tokenSecrets(n *node, path string) []Secret {
	const short = 32 // bytes, as of a hash of HS256 (RFC 7518 §3.2)
	all := b.secrets(n, path)
	for _, s := range all {
		if len(s.Text) < short {
			b.r.warnf(ruleWarnTokenSecret, s.Pos, path, "is shorter than %d bytes and can be guessed from any token; use a long random text", short)
		}
	}
	return all
}

func (b *builder) keyFiles(n *node, path string) []KeyFile {
	if n.kind == list && len(n.items) == 0 {
		b.r.addf(ruleNoValue, n.pos, path, "is empty; name a file with a public key, or remove the key")
	}
	var all []KeyFile
	items, paths := oneOrMany(n, path)
	for i, v := range items {
		var file string
		if b.text(&file, &entry{value: v}, paths[i]) {
			all = append(all, KeyFile{Path: b.absolute(file), Pos: v.pos})
		}
	}
	return all
}

// jwks never shows the URL, which may have a password in it.
func (b *builder) jwks(to *Token, e *entry, path string) {
	var text string
	if !b.text(&text, e, path) {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		b.r.addf(ruleJWKS, e.value.pos, path, "is not a URL such as https://login.example.com/jwks.json")
	case u.User != nil || u.Fragment != "":
		b.r.addf(ruleJWKS, e.value.pos, path, "must be without a user and a fragment")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		b.r.addf(ruleJWKS, e.value.pos, path, "must begin with https://: keys that come over plain HTTP can be anybody's")
	default:
		to.JWKS, to.JWKSPos = text, e.value.pos
	}
}

// isLoopback reports whether an address or host name is this machine's own.
func isLoopback(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
}

// ticket reports whether e says that there are no tickets.
func (b *builder) ticket(to *Token, e *entry, path string) (off bool) {
	switch {
	case e == nil:
		return true
	case e.value.kind == boolean || e.value.text == "true" || e.value.text == "false":
		on := false
		b.boolean(&on, e, path)
		if !on {
			return true
		}
		to.Ticket = defaultTicket
	default:
		b.duration(&to.Ticket, e, path, time.Second)
		if to.Ticket > maxTicket {
			b.r.addf(ruleToken, e.value.pos, path, "is longer than an hour; a ticket is used at once, and 30s will do")
		}
	}
	return false
}

// claims wants a mapping of attributes to claims.
func (b *builder) claims(e *entry, path string) []Claim {
	if e == nil || e.value.kind == broken {
		return nil
	}
	n := b.mappingOf(e, path)
	if e.value.kind == mapping && !hasKey(n, "id") && !b.partial {
		b.r.addf(ruleMissing, e.pos, join(path, "id"), "missing; it tells users apart, such as  id: sub")
	}
	var all []Claim
	for _, a := range n.entries {
		at := join(path, a.key)
		c := Claim{Attribute: a.key}
		switch {
		case a.key == "":
			b.r.addf(ruleToken, a.pos, at, "is no name of an attribute")
		case b.text(&c.Path, a, at) && !isDotted(c.Path):
			b.r.addf(ruleToken, a.value.pos, at, "%s is no claim: write its name, or names with a dot between them", a.value.shown())
		default:
			all = append(all, c)
		}
	}
	return all
}

// tokenFrom says where JWTs are looked for.
func (b *builder) tokenFrom(to *Token, e *entry, path string) {
	if e == nil {
		to.Header, to.Subprotocol = to.HasJWT(), to.HasJWT()
		return
	}
	exact := func(s string) string { return s }
	places := b.words(e.value, path, exact, "header", "subprotocol", "query")
	to.Header = contains(places, "header")
	to.Subprotocol = contains(places, "subprotocol")
	if to.Query = contains(places, "query"); to.Query {
		b.r.warnf(ruleWarnTokenQuery, e.value.pos, path,
			"a token in a URL lands in browsers' histories and in the logs of proxies; leave query out if the peer can use one of the others")
	}
}

// tokenFits looks at the whole of the token: e, which was read into to.
func (b *builder) tokenFits(to *Token, e *entry, f map[string]*entry, tickets bool, path string) {
	given := func(key string) bool { return hasKey(e.value, key) }
	jwt := given("secret") || given("key") || given("jwks")
	if !jwt {
		if !tickets {
			b.r.addf(ruleMissing, e.pos, path, "accepts nothing; JWTs need secret:, key: or jwks:, and tickets need  ticket: true")
		}
		for _, key := range []string{"from", "algorithms", "issuer", "audience", "user", "grace"} {
			if other := f[key]; other != nil {
				b.r.addf(ruleToken, other.pos, join(path, key), "is about JWTs, which need secret:, key: or jwks:")
			}
		}
		return
	}
	if to.JWKS != "" && to.Audience == nil && !given("audience") {
		b.r.warnf(ruleWarnAudience, f["jwks"].pos, join(path, "jwks"),
			"without audience:, a token that this issuer made for any other app opens this one, too")
	}
	b.algorithmsFit(to, f["algorithms"], join(path, "algorithms"))
}

// algorithmsFit reports algorithms without a key, and keys without an
// algorithm.
func (b *builder) algorithmsFit(to *Token, e *entry, path string) {
	if e == nil || len(to.Algorithms) == 0 {
		return
	}
	secret, key := false, false
	for _, name := range to.Algorithms {
		ofSecret := contains(secretAlgorithms, name)
		secret, key = secret || ofSecret, key || !ofSecret
	}
	haveSecret, haveKey := len(to.Secrets) > 0, len(to.Keys) > 0 || to.JWKS != ""
	switch {
	case secret && !haveSecret:
		b.r.addf(ruleToken, e.value.pos, path, "the algorithms of HMAC need secret:, and there is none")
	case key && !haveKey:
		b.r.addf(ruleToken, e.value.pos, path, "the algorithms of public keys need key: or jwks:, and there is none")
	case haveSecret && !secret:
		b.r.addf(ruleToken, e.value.pos, path, "none of them uses secret:; add one such as HS256, or remove secret:")
	case haveKey && !key:
		b.r.addf(ruleToken, e.value.pos, path, "none of them uses key: or jwks:; add one such as RS256, or remove these")
	}
}
