package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// A verifyKey is a key, and what it may have signed.
type verifyKey struct {
	key  any      // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	algs []string // the algorithms it may be used with
	kid  string   // its name in a JWKS; one without may have signed any token
}

// secretAlgorithms are those a secret may be used with.
func secretAlgorithms() []string {
	return []string{"HS256", "HS384", "HS512"}
}

// keyAlgorithms are those for which there are public keys.
func keyAlgorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// checkSecret refuses a secret that everybody can know. Others may be too
// short to be safe.
func checkSecret(secret []byte) error {
	switch {
	case len(bytes.TrimSpace(secret)) == 0:
		return errors.New("empty")
	case bytes.Contains(secret, []byte("-----BEGIN ")):
		return errors.New("a PEM key is no secret: anybody who has the public key could sign with it")
	}
	return nil
}

// RSA keys outside these sizes are too weak, or too slow to be used by whoever
// sends a token.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// publicAlgorithms are the algorithms a public key may be used with.
func publicAlgorithms(key crypto.PublicKey) ([]string, error) {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if key.N == nil {
			return nil, errors.New("RSA key without a modulus")
		}
		if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return nil, fmt.Errorf("RSA key of %d bits: between %d and %d are accepted", bits, minRSABits, maxRSABits)
		}
		if key.E < 3 || key.E%2 == 0 {
			return nil, fmt.Errorf("RSA key with the exponent %d", key.E)
		}
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, nil
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return []string{"ES256"}, nil
		case elliptic.P384():
			return []string{"ES384"}, nil
		case elliptic.P521():
			return []string{"ES512"}, nil
		}
		return nil, errors.New("elliptic curve key: its curve is none of P-256, P-384 and P-521")
	case ed25519.PublicKey:
		if len(key) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("Ed25519 key of %d bytes", len(key))
		}
		return []string{"EdDSA"}, nil
	}
	return nil, fmt.Errorf("%T: no RSA, elliptic curve or Ed25519 public key", key)
}

const maxKeyFile = 1 << 20

// LoadPublicKeys reads a PEM file: public keys (PKIX, or PKCS #1 for RSA) and
// certificates, whose key counts and whose dates do not. A private key among
// them is an error, and so is anything in PEM that cannot be read.
func LoadPublicKeys(path string) ([]crypto.PublicKey, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading public keys: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading public keys: %w", err)
	}
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("reading public keys: %s: more than %d bytes", path, maxKeyFile)
	}
	keys, err := parsePublicKeys(text)
	if err != nil {
		return nil, fmt.Errorf("reading public keys: %s: %w", path, err)
	}
	return keys, nil
}

func parsePublicKeys(text []byte) ([]crypto.PublicKey, error) {
	// pem.Decode passes over what it cannot read.
	begun := bytes.Count(text, []byte("-----BEGIN "))
	if begun == 0 {
		return nil, errors.New("no PEM key or certificate in it")
	}
	var keys []crypto.PublicKey
	for n := 1; n <= begun; n++ {
		block, rest := pem.Decode(text)
		if block == nil {
			return nil, fmt.Errorf("%d of its %d PEM blocks cannot be read", begun-n+1, begun)
		}
		text = rest
		key, err := parsePublicKey(block)
		if err == nil {
			_, err = publicAlgorithms(key)
		}
		if err != nil {
			return nil, fmt.Errorf("PEM block %d: %w", n, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func parsePublicKey(block *pem.Block) (crypto.PublicKey, error) {
	switch {
	case block.Type == "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case block.Type == "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case block.Type == "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return cert.PublicKey, nil
	case strings.Contains(block.Type, "PRIVATE KEY"):
		return nil, errors.New("a private key; tokens are verified with the public one, and the private one belongs to the issuer alone")
	}
	return nil, fmt.Errorf("%q is no public key or certificate", excerpt(block.Type))
}
