package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// A HashKind is how a password is written in a configuration.
type HashKind string

// The kinds.
const (
	Plain    HashKind = "plain" // the password itself
	Argon2id HashKind = "argon2id"
	Bcrypt   HashKind = "bcrypt"
)

// What a hash may cost at most. A check takes some seconds with these already.
const (
	maxMemory = 1024 * 1024 // KiB
	maxTime   = 100
	maxCost   = 16 // bcrypt: 2^16 rounds
)

// CheckHash says what a configured password is. Its error says why it can be
// none: it is empty, it looks like a hash but is none that we know, or it would
// cost too much to check. The error does not repeat the text.
func CheckHash(text string) (HashKind, error) {
	switch {
	case text == "":
		return "", errors.New("is empty")
	case strings.HasPrefix(text, "$argon2id$"):
		_, err := parseArgon2(text)
		return Argon2id, err
	case strings.HasPrefix(text, "$2a$"), strings.HasPrefix(text, "$2b$"), strings.HasPrefix(text, "$2y$"):
		return Bcrypt, checkBcrypt(text)
	}
	for _, name := range otherHashes() {
		if strings.HasPrefix(text, name) {
			return "", fmt.Errorf("begins with %s like a hash, but only argon2id and bcrypt are known here", name)
		}
	}
	return Plain, nil
}

// Below these, a hash is guessed faster than OWASP's Password Storage Cheat
// Sheet wants it to be.
const (
	weakMemory = 7 * 1024     // KiB
	weakWork   = 5 * 7 * 1024 // KiB times passes
	weakCost   = 10           // bcrypt
)

// Weakness says why whoever sees a configured password, of which CheckHash has
// no complaint, knows or guesses it soon; "" if that takes long.
func Weakness(configured string) string {
	kind, _ := CheckHash(configured)
	switch kind {
	case Plain:
		return "is the password itself"
	case Argon2id:
		if h, err := parseArgon2(configured); err == nil && (h.memory < weakMemory || h.memory*h.time < weakWork) {
			return fmt.Sprintf("is an argon2id hash that is guessed fast (m=%d,t=%d)", h.memory, h.time)
		}
	case Bcrypt:
		if cost, err := bcrypt.Cost([]byte(configured)); err == nil && cost < weakCost {
			return fmt.Sprintf("is a bcrypt hash that is guessed fast (cost %d)", cost)
		}
	}
	return ""
}

// otherHashes are beginnings of what crypt(3), LDAP, Django, Werkzeug, PHP and
// Passlib write.
func otherHashes() []string {
	return []string{
		"$argon2", "argon2$", "$2$", "$2x$", "bcrypt$", "bcrypt_sha256$", "$bcrypt-sha256$",
		"$1$", "$5$", "$6$", "$7$", "$y$", "$gy$", "$md5", "$sha1$", "$apr1$", "$P$", "$H$",
		"$scrypt$", "scrypt:", "scrypt$", "$pbkdf2", "pbkdf2:", "pbkdf2_",
		"{SHA", "{SSHA", "{MD5}", "{SMD5}", "{CRYPT}", "{ARGON2}", "{PBKDF2",
	}
}

// An argon2Hash is what a PHC string of argon2id says:
//
//	$argon2id$v=19$m=KiB,t=passes,p=lanes$salt$tag
type argon2Hash struct {
	memory, time uint32
	threads      uint8
	salt, tag    []byte
}

func (h argon2Hash) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s",
		h.memory, h.time, h.threads, b64.EncodeToString(h.salt), b64.EncodeToString(h.tag))
}

// parseArgon2 reads what String writes, and nothing else: no other version, no
// key id, no parameter in another place.
func parseArgon2(text string) (argon2Hash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 {
		return argon2Hash{}, errors.New("is not a whole argon2id hash: $argon2id$v=19$m=…,t=…,p=…$salt$hash (in {braces} one needs quotes, for its commas)")
	}
	if parts[2] != "v=19" {
		return argon2Hash{}, errors.New("is an argon2id hash of another version than 19")
	}
	names := strings.Split(parts[3], ",")
	if len(names) != 3 {
		return argon2Hash{}, errors.New("has other parameters than m, t and p in its argon2id hash")
	}
	memory, err := parameter(names[0], "m=", 8, maxMemory)
	if err != nil {
		return argon2Hash{}, err
	}
	time, err := parameter(names[1], "t=", 1, maxTime)
	if err != nil {
		return argon2Hash{}, err
	}
	threads, err := parameter(names[2], "p=", 1, min(255, memory/8)) // RFC 9106 §3.1
	if err != nil {
		return argon2Hash{}, err
	}
	h := argon2Hash{memory: memory, time: time, threads: uint8(threads)}
	if h.salt, err = octets(parts[4], "salt", 8); err != nil {
		return argon2Hash{}, err
	}
	h.tag, err = octets(parts[5], "hash", 16)
	return h, err
}

// parameter reads one of an argon2id hash.
func parameter(text, name string, least, most uint32) (uint32, error) {
	digits, ok := strings.CutPrefix(text, name)
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || digits != strconv.FormatUint(n, 10) {
		return 0, fmt.Errorf("has no number %s… in its place in its argon2id hash", name)
	}
	if uint32(n) < least || uint32(n) > most {
		return 0, fmt.Errorf("has %s%d in its argon2id hash: from %d to %d is allowed", name, n, least, most)
	}
	return uint32(n), nil
}

// octets reads the salt or the tag.
func octets(text, what string, least int) ([]byte, error) {
	b, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("has a %s in its argon2id hash that is no base64", what)
	}
	if most := 64; len(b) < least || len(b) > most {
		return nil, fmt.Errorf("has a %s of %d bytes in its argon2id hash: from %d to %d is allowed", what, len(b), least, most)
	}
	return b, nil
}

// checkBcrypt checks $2b$cost$ and 53 characters.
func checkBcrypt(text string) error {
	parts := regexp.MustCompile(`^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$`).FindStringSubmatch(text)
	if parts == nil {
		return errors.New("is not a whole bcrypt hash: $2b$ and a cost of two digits, $ and 53 characters")
	}
	if cost, _ := strconv.Atoi(parts[1]); cost < 4 || cost > maxCost {
		return fmt.Errorf("has the cost %d in its bcrypt hash: from 4 to %d is allowed", cost, maxCost)
	}
	return nil
}
