package auth_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"parley.example/parley/internal/auth"
)

func pemOf(kind string, der []byte, err error) string {
	must(err)
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func publicPEM(key crypto.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	return pemOf("PUBLIC KEY", der, err)
}

func certificatePEM(key crypto.Signer) string {
	long := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0)}
	der, err := x509.CreateCertificate(rand.Reader, long, long, key.Public(), key)
	return pemOf("CERTIFICATE", der, err)
}

func TestLoadPublicKeys(t *testing.T) {
	pkcs1 := pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey), nil)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(edKey())
	private := pemOf("PRIVATE KEY", pkcs8, err)
	for _, tc := range []struct {
		name, text string
		want       []crypto.PublicKey
		err        string
	}{
		{"RSA", publicPEM(rsaKey().Public()), []crypto.PublicKey{rsaKey().Public()}, ""},
		{"PKCS #1", pkcs1, []crypto.PublicKey{rsaKey().Public()}, ""},
		{"elliptic curve", publicPEM(p384().Public()), []crypto.PublicKey{p384().Public()}, ""},
		{"certificate that has expired", certificatePEM(p256()), []crypto.PublicKey{p256().Public()}, ""},
		{"several, and words", "the new one:\n" + publicPEM(edKey().Public()) + "the old one:\n" + pkcs1, []crypto.PublicKey{edKey().Public(), rsaKey().Public()}, ""},
		{"private", private, nil, "PEM block 1: a private key; tokens are verified with the public one"},
		{"private behind public", pkcs1 + pemOf("EC PRIVATE KEY", []byte{1}, nil), nil, "PEM block 2: a private key"},
		{"private RSA", pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey()), nil), nil, "a private key"},
		{"locked", pemOf("ENCRYPTED PRIVATE KEY", []byte{1}, nil), nil, "a private key"},
		{"nothing", "", nil, "no PEM key or certificate in it"},
		{"words", "ssh-ed25519 AAAA me@here", nil, "no PEM key or certificate in it"},
		{"one that is cut", pkcs1 + publicPEM(p256().Public())[:100], nil, "1 of its 2 PEM blocks cannot be read"},
		{"one that is cut in front", publicPEM(p256().Public())[:100] + "\n" + pkcs1, nil, "1 of its 2 PEM blocks cannot be read"},
		{"no key inside", pemOf("PUBLIC KEY", []byte("no key"), nil), nil, "PEM block 1: "},
		{"request", pemOf("CERTIFICATE REQUEST", []byte{1}, nil), nil, `"CERTIFICATE REQUEST" is no public key or certificate`},
		{"weak", publicPEM(newRSA(1024).Public()), nil, "PEM block 1: RSA key of 1024 bits"},
		{"P-224", publicPEM(newEC(elliptic.P224()).Public()), nil, "PEM block 1: elliptic curve key: its curve is none of"},
		{"a megabyte", strings.Repeat("\n", 1<<20) + pkcs1, nil, "more than 1048576 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keys.pem")
			must(os.WriteFile(path, []byte(tc.text), 0o600))
			keys, err := auth.LoadPublicKeys(path)
			if tc.err == "" && (err != nil || !reflect.DeepEqual(keys, tc.want)) {
				t.Errorf("keys = %v, error = %v", keys, err)
			}
			if tc.err != "" && (err == nil || !strings.HasPrefix(err.Error(), "reading public keys: "+path+": ") || !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("error = %v, want %s", err, tc.err)
			}
		})
	}
	if _, err := auth.LoadPublicKeys(filepath.Join(t.TempDir(), "none.pem")); err == nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if keys, err := auth.LoadPublicKeys(t.TempDir()); err == nil {
		t.Errorf("a folder: %v", keys)
	}
}
