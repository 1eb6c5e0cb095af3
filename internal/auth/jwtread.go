package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"parley.example/parley"
)

const (
	maxToken = 16 << 10 // bytes
	maxDepth = 64       // of objects and lists in a token
)

// A signedToken is a token whose form is right. Nothing in it is proved.
type signedToken struct {
	alg, kid  string
	signed    string // what the signature is of
	signature []byte
	payload   []byte // the claims, JSON perhaps
}

// readToken takes a token apart (RFC 7515 §5.2), strictly: one token has one
// spelling. Of the header it reads alg, kid, typ and crit; keys in it, or
// URLs of keys, are never looked at.
func readToken(token string) (signedToken, error) {
	switch {
	case token == "":
		return signedToken{}, refuse("it is empty")
	case len(token) > maxToken:
		return signedToken{}, refuse("longer than %d bytes", maxToken)
	case strings.ContainsFunc(token, notInToken):
		// Base64's decoder would pass over line breaks.
		return signedToken{}, refuse("it has a character that no JWT has")
	}
	parts := strings.Split(token, ".")
	if len(parts) == 5 {
		return signedToken{}, refuse("it is encrypted; signed tokens are understood")
	}
	if len(parts) != 3 {
		return signedToken{}, refuse("no JWT: it has not three parts")
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil || part == "" {
			return signedToken{}, refuse("no JWT: its %s is not base64url", [...]string{"header", "payload", "signature"}[i])
		}
	}
	t := signedToken{
		signed:    token[:len(parts[0])+1+len(parts[1])],
		payload:   decoded[1],
		signature: decoded[2],
	}
	header, err := readObject(decoded[0])
	if err != nil {
		return signedToken{}, refuse("its header is %v", err)
	}
	if err := t.readHeader(header); err != nil {
		return signedToken{}, err
	}
	return t, nil
}

func notInToken(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

func (t *signedToken) readHeader(header jsonObject) error {
	var isText bool
	if t.alg, isText = header.text("alg"); !isText {
		return refuse("its header has no alg that is a text")
	}
	if _, has := header["kid"]; has {
		if t.kid, isText = header.text("kid"); !isText {
			return refuse("its kid is no text")
		}
	}
	// RFC 7515 §4.1.11: we understand no extension.
	if _, has := header["crit"]; has {
		return refuse("its header asks for extensions (crit)")
	}
	// RFC 8725 §3.11: a token made for something else is none for us.
	if _, has := header["typ"]; has {
		typ, _ := header.text("typ")
		switch strings.TrimPrefix(strings.ToLower(typ), "application/") {
		case "jwt", "at+jwt":
		default:
			return refuse("its typ is neither JWT nor at+jwt")
		}
	}
	return nil
}

// describe says which key t asks for.
func (t signedToken) describe() string {
	if t.kid == "" {
		return "alg " + t.alg + ", no kid"
	}
	return fmt.Sprintf("alg %s, kid %q", t.alg, excerpt(t.kid))
}

// excerpt is what may be shown of a text that a stranger has chosen: its first
// 40 bytes, those that are not printable ASCII as '?'.
func excerpt(s string) string {
	shown := []byte(s[:min(len(s), 40)])
	for i, c := range shown {
		if c < ' ' || c > '~' {
			shown[i] = '?'
		}
	}
	return string(shown)
}

// A jsonObject is a JSON object whose members are not read yet.
type jsonObject map[string]json.RawMessage

// readObject reads an object in which no name stands twice, in valid UTF-8, and
// not nested so deep that it would trouble whoever reads it after us. Its error
// says what the data is instead.
func readObject(data []byte) (jsonObject, error) {
	switch {
	case !utf8.Valid(data):
		return nil, errors.New("not UTF-8")
	case tooDeep(data):
		return nil, errors.New("nested too deep")
	case !json.Valid(data):
		return nil, errors.New("not JSON")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return nil, errors.New("no JSON object")
	}
	o := jsonObject{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, errors.New("not JSON")
		}
		text, _ := name.(string)
		if _, twice := o[text]; twice {
			return nil, errors.New("ambiguous: a name stands in it twice")
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, errors.New("not JSON")
		}
		o[text] = bytes.TrimSpace(value)
	}
	return o, nil
}

// tooDeep reports whether data, if it is JSON, has more than maxDepth objects
// and lists in each other.
func tooDeep(data []byte) bool {
	depth, inText := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// text is the member name, if it is a text.
func (o jsonObject) text(name string) (text string, ok bool) {
	if !bytes.HasPrefix(o[name], []byte(`"`)) {
		return "", false
	}
	return text, json.Unmarshal(o[name], &text) == nil
}

// tokenClaims are a token's payload. They are jwt.Claims, for its Validator.
type tokenClaims struct {
	all           jsonObject
	exp, nbf, iat *jwt.NumericDate // nil if there is none
	iss           string           // "" if there is none, or no text
	aud           jwt.ClaimStrings // likewise; of a list, the texts
}

// readClaims reads a payload whose signature is right.
func readClaims(payload []byte) (*tokenClaims, error) {
	all, err := readObject(payload)
	if err != nil {
		return nil, refuse("its payload is %v", err)
	}
	c := &tokenClaims{all: all}
	for _, date := range []struct {
		name string
		into **jwt.NumericDate
	}{{"exp", &c.exp}, {"nbf", &c.nbf}, {"iat", &c.iat}} {
		value, has := all[date.name]
		if !has {
			continue
		}
		at, ok := numericDate(value)
		if !ok {
			return nil, refuse("its %s is no time in seconds since 1970", date.name)
		}
		*date.into = &jwt.NumericDate{Time: at}
	}
	c.iss, _ = all.text("iss")
	if one, ok := all.text("aud"); ok {
		c.aud = jwt.ClaimStrings{one}
	} else {
		var several []json.RawMessage
		if json.Unmarshal(all["aud"], &several) == nil {
			for _, value := range several {
				if one, ok := (jsonObject{"": value}).text(""); ok {
					c.aud = append(c.aud, one)
				}
			}
		}
	}
	return c, nil
}

// lastSecond is the end of the year 9999: a later time is one in milliseconds.
const lastSecond = 253402300799

// numericDate reads a NumericDate (RFC 7519 §2): a number.
func numericDate(value json.RawMessage) (time.Time, bool) {
	seconds, err := strconv.ParseFloat(string(value), 64)
	if err != nil || seconds < 0 || seconds > lastSecond {
		return time.Time{}, false
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), true
}

// refuse says which of the Validator's rules the claims have failed.
func (c *tokenClaims) refuse(err error) error {
	now := time.Now()
	switch {
	case c.exp == nil:
		return refuse("it has no exp: a token has to say when it expires")
	case errors.Is(err, jwt.ErrTokenExpired):
		return refuse("expired %s ago", now.Sub(c.exp.Time).Round(time.Second))
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return refuse("not valid before another %s (nbf)", c.nbf.Sub(now).Round(time.Second))
	case errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return refuse("issued %s in the future (iat)", c.iat.Sub(now).Round(time.Second))
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return refuse("made by another issuer (iss)")
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return refuse("made for another audience (aud)")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing) && c.iss == "":
		return refuse("it has no issuer or audience (iss, aud) that is a text")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return refuse("it has no audience (aud) that is a text")
	}
	return refuse("its claims are not accepted")
}

// user is who the claims are about.
func (v *Verifier) user(c *tokenClaims) (parley.User, error) {
	u := parley.User{}
	if len(v.attributes) == 0 {
		maps.Copy(u, c.all)
	}
	for name, path := range v.attributes {
		if value, has := lookUp(c.all, path); has {
			u[name] = value
		}
	}
	idPath, mapped := v.attributes["id"]
	if !mapped {
		idPath = "sub"
		delete(u, "id")
		if sub, has := c.all["sub"]; has {
			u["id"] = sub
		}
	}
	id := u["id"]
	isNumber := len(id) > 0 && (id[0] == '-' || id[0] >= '0' && id[0] <= '9')
	isText := len(id) > 0 && id[0] == '"' && u.ID() != ""
	if !isNumber && !isText {
		return nil, refuse("its claim %q, which is the user's id, is missing, or no text or number", idPath)
	}
	return u, nil
}

// GetExpirationTime is exp.
func (c *tokenClaims) GetExpirationTime() (*jwt.NumericDate, error) { return c.exp, nil }

// GetIssuedAt is iat.
func (c *tokenClaims) GetIssuedAt() (*jwt.NumericDate, error) { return c.iat, nil }

// GetNotBefore is nbf.
func (c *tokenClaims) GetNotBefore() (*jwt.NumericDate, error) { return c.nbf, nil }

// GetIssuer is iss.
func (c *tokenClaims) GetIssuer() (string, error) { return c.iss, nil }

// GetSubject is nobody: no rule is about sub.
func (c *tokenClaims) GetSubject() (string, error) { return "", nil }

// GetAudience is aud.
func (c *tokenClaims) GetAudience() (jwt.ClaimStrings, error) { return c.aud, nil }
