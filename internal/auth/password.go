package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"runtime"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// What HashPassword makes: the first of the choices that OWASP's Password
// Storage Cheat Sheet names, with a salt and a tag as in RFC 9106 §4.
const (
	hashMemory  = 19 * 1024 // KiB
	hashTime    = 2
	hashThreads = 1
	hashSalt    = 16 // bytes
	hashTag     = 32 // bytes
)

// HashPassword returns what may stand in a configuration instead of the
// password: argon2id in the PHC format, with a salt of its own. It takes some
// 30 ms and 19 MiB.
func HashPassword(password string) string {
	h := argon2Hash{memory: hashMemory, time: hashTime, threads: hashThreads, salt: make([]byte, hashSalt)}
	rand.Read(h.salt) // never fails
	h.tag = h.compute(password, hashTag)
	return h.String()
}

// Passwords checks passwords. A process has one: it sees to it that not all its
// memory goes into hashes. It is safe for concurrent use.
type Passwords struct {
	slots   chan struct{} // set by NewPasswords, then read-only; has an element for each check under way
	checked atomic.Uint64
}

// NewPasswords returns a Passwords that checks as many hashes at once as there
// are CPUs.
func NewPasswords() *Passwords {
	return &Passwords{slots: make(chan struct{}, runtime.NumCPU())}
}

// Verify reports whether configured, which is a password or the hash of one
// (CheckHash), belongs to password. How long it takes depends on the kind and
// the parameters of configured, not on how much of password is right. What is
// no hash though it looks like one belongs to nothing.
//
// bcrypt looks at the first 72 bytes of a password only.
//
// It waits until others are done, at most until ctx ends; the error is ctx's.
func (p *Passwords) Verify(ctx context.Context, configured, password string) (bool, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	defer func() { <-p.slots }()
	p.checked.Add(1)
	return verify(configured, password), nil
}

// Checked is how many passwords have been checked.
func (p *Passwords) Checked() uint64 { return p.checked.Load() }

func verify(configured, password string) bool {
	kind, err := CheckHash(configured)
	if err != nil {
		return false
	}
	switch kind {
	case Argon2id:
		h, err := parseArgon2(configured)
		return err == nil && subtle.ConstantTimeCompare(h.tag, h.compute(password, len(h.tag))) == 1
	case Bcrypt:
		return bcrypt.CompareHashAndPassword([]byte(configured), []byte(password)) == nil
	}
	// Hashes have one length whatever the passwords': it does not show.
	want, got := sha256.Sum256([]byte(configured)), sha256.Sum256([]byte(password))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

func (h argon2Hash) compute(password string, length int) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(length))
}
