package httpd

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// lookEvery is how often the files of a certificate are read again, at most.
const lookEvery = time.Second

// A Certificate is what TLS is spoken with: a certificate and its key, from
// two files in PEM. While handshakes come in, the files are read again, at most
// once a second, so that it does not matter how they are replaced. What cannot
// be used is logged, and the pair before it stays. It is safe for every
// goroutine.
type Certificate struct {
	certFile, keyFile string // set by OpenCertificate, then read-only
	log               *slog.Logger

	current           atomic.Pointer[tls.Certificate]
	reloads, failures atomic.Uint64

	// Owned by who has changed looking to true.
	looking atomic.Bool
	looked  time.Time
	seen    [sha256.Size]byte // of what was in the files then, usable or not
}

// A CertificateError says why a certificate cannot be used.
type CertificateError struct {
	Key bool // the file with the key is at fault, not the one with the certificate

	err error
}

// Error names the kind of file, not its path.
func (e *CertificateError) Error() string {
	if e.Key {
		return "the certificate's key cannot be used: " + e.err.Error()
	}
	return "the certificate cannot be used: " + e.err.Error()
}

// Unwrap returns the cause.
func (e *CertificateError) Unwrap() error { return e.err }

// OpenCertificate reads a certificate, with those that lead to its root, and
// its key. Its error is a *CertificateError. log may be nil.
func OpenCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log, looked: time.Now()}
	pair, sum, err := c.read()
	if err != nil {
		return nil, err
	}
	c.seen = sum
	c.use(pair)
	return c, nil
}

// get is tls.Config's GetCertificate.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.looking.CompareAndSwap(false, true) {
		if now := time.Now(); now.Sub(c.looked) >= lookEvery {
			c.looked = now
			c.look()
		}
		c.looking.Store(false)
	}
	return c.current.Load(), nil
}

// look uses what is in the files now, if it is new.
func (c *Certificate) look() {
	pair, sum, err := c.read()
	if sum == c.seen {
		return
	}
	c.seen = sum
	if err != nil {
		c.failures.Add(1)
		c.log.Error("the certificate has changed and the one before is still used", "err", err, "cert", c.certFile, "key", c.keyFile)
		return
	}
	c.reloads.Add(1)
	c.log.Info("the certificate has changed", "names", strings.Join(pair.Leaf.DNSNames, " "), "until", pair.Leaf.NotAfter)
	c.use(pair)
}

func (c *Certificate) use(pair *tls.Certificate) {
	if time.Now().After(pair.Leaf.NotAfter) {
		c.log.Error("the certificate has expired: no browser accepts it", "cert", c.certFile, "until", pair.Leaf.NotAfter)
	}
	c.current.Store(pair)
}

// read returns the pair that is in the files, or why there is none, and a sum
// of either.
func (c *Certificate) read() (pair *tls.Certificate, sum [sha256.Size]byte, err error) {
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return nil, sha256.Sum256([]byte(err.Error())), &CertificateError{err: bare(err)}
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return nil, sha256.Sum256([]byte(err.Error())), &CertificateError{Key: true, err: bare(err)}
	}
	sum = sha256.Sum256(fmt.Appendf(nil, "%d %s%s", len(cert), cert, key))
	p, err := tls.X509KeyPair(cert, key)
	if err != nil {
		err = errors.New(strings.TrimPrefix(err.Error(), "tls: "))
		return nil, sum, &CertificateError{Key: isCertificate(cert), err: err}
	}
	return &p, sum, nil
}

// isCertificate reports whether text begins with a certificate in PEM.
func isCertificate(text []byte) bool {
	block, _ := pem.Decode(text)
	if block == nil {
		return false
	}
	_, err := x509.ParseCertificate(block.Bytes)
	return err == nil
}

// bare drops the path that an error begins with.
func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
