package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// A jsonKey is what we read of a key in JSON (RFC 7517, RFC 7518 §6, RFC 8037).
type jsonKey struct {
	Type       string   `json:"kty"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  string   `json:"alg"`
	ID         string   `json:"kid"`

	N     string `json:"n"`
	E     string `json:"e"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	Y     string `json:"y"`

	Private json.RawMessage `json:"d"`
}

const maxSetKeys = 100

// parseKeySet reads a JWK set. Keys that are not for verifying, or that we
// cannot use, are left out: skipped says which, and why.
func parseKeySet(text []byte) (keys []verifyKey, skipped []string, err error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, nil, errors.New("what it answers is no JWK set")
	}
	if set.Keys == nil {
		return nil, nil, errors.New("what it answers is no JWK set: it has no list of keys")
	}
	if len(set.Keys) > maxSetKeys {
		return nil, nil, fmt.Errorf("it has %d keys, over %d", len(set.Keys), maxSetKeys)
	}
	for _, text := range set.Keys {
		var k jsonKey
		if json.Unmarshal(text, &k) != nil {
			skipped = append(skipped, "a key that is none")
			continue
		}
		key, err := k.verifyKey()
		if err != nil {
			skipped = append(skipped, fmt.Sprintf("kid %q: %v", excerpt(k.ID), err))
			continue
		}
		keys = append(keys, key)
	}
	return keys, skipped, nil
}

// verifyKey is what k verifies signatures with, or why it is nothing for us.
func (k jsonKey) verifyKey() (verifyKey, error) {
	switch {
	case k.Use != "" && k.Use != "sig":
		return verifyKey{}, errors.New("not for signatures (use)")
	case k.Operations != nil && !slices.Contains(k.Operations, "verify"):
		return verifyKey{}, errors.New("not for verifying (key_ops)")
	case k.Type == "oct":
		return verifyKey{}, errors.New("a secret, which everybody can read there")
	case k.Private != nil:
		return verifyKey{}, errors.New("a private key, which everybody can read there")
	}
	public, err := k.public()
	if err != nil {
		return verifyKey{}, err
	}
	algs, err := publicAlgorithms(public)
	if err != nil {
		return verifyKey{}, err
	}
	if k.Algorithm != "" {
		if !slices.Contains(algs, k.Algorithm) {
			return verifyKey{}, fmt.Errorf("its algorithm %q is not one of %s", excerpt(k.Algorithm), strings.Join(algs, ", "))
		}
		algs = []string{k.Algorithm}
	}
	return verifyKey{key: public, algs: algs, kid: k.ID}, nil
}

func (k jsonKey) public() (crypto.PublicKey, error) {
	switch k.Type {
	case "RSA":
		n, err := keyBytes(k.N)
		if err != nil {
			return nil, fmt.Errorf("n: %w", err)
		}
		e, err := keyBytes(k.E)
		if err != nil {
			return nil, fmt.Errorf("e: %w", err)
		}
		exponent := new(big.Int).SetBytes(e)
		if exponent.BitLen() > 31 {
			return nil, errors.New("its exponent has over 31 bits")
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())}, nil
	case "EC":
		curve, size := ellipticCurve(k.Curve)
		if curve == nil {
			return nil, fmt.Errorf("unknown curve %q", excerpt(k.Curve))
		}
		x, errX := keyBytes(k.X)
		y, errY := keyBytes(k.Y)
		if err := errors.Join(errX, errY); err != nil || len(x) != size || len(y) != size {
			return nil, fmt.Errorf("x and y are not %d bytes each", size)
		}
		// This looks whether the point is on the curve.
		return ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	case "OKP":
		x, err := keyBytes(k.X)
		if k.Curve != "Ed25519" {
			return nil, fmt.Errorf("unknown curve %q", excerpt(k.Curve))
		}
		if err != nil {
			return nil, fmt.Errorf("x: %w", err)
		}
		return ed25519.PublicKey(x), nil
	}
	return nil, fmt.Errorf("unknown type %q", excerpt(k.Type))
}

func ellipticCurve(name string) (curve elliptic.Curve, size int) {
	switch name {
	case "P-256":
		return elliptic.P256(), 32
	case "P-384":
		return elliptic.P384(), 48
	case "P-521":
		return elliptic.P521(), 66
	}
	return nil, 0
}

// keyBytes reads base64url, with padding or without: issuers disagree.
func keyBytes(text string) ([]byte, error) {
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, errors.New("not base64url")
	}
	return data, nil
}
