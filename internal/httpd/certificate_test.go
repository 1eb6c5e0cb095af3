package httpd_test

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley/internal/httpd"
)

func TestOpenCertificateSaysWhichFileIsAtFault(t *testing.T) {
	good, other := newPair(t, 1), newPair(t, 2)
	for _, tt := range []struct {
		name string
		pair pair // "" is no file
		key  bool // which is at fault
		want string
	}{
		{"no certificate", pair{"", good.key}, false, "the certificate cannot be used: no such file or directory"},
		{"no key", pair{good.cert, ""}, true, "the certificate's key cannot be used: no such file or directory"},
		{"neither", pair{"", ""}, false, "the certificate cannot be used: no such file or directory"},
		{"text for a certificate", pair{"hello", good.key}, false, "the certificate cannot be used: failed to find any PEM data"},
		{"text for a key", pair{good.cert, "hello"}, true, "the certificate's key cannot be used: failed to find any PEM data"},
		{"the other way round", pair{good.key, good.cert}, false, "may have been switched"},
		{"another's key", pair{good.cert, other.key}, true, "private key does not match public key"},
		{"a certificate cut short", pair{good.cert[:200], good.key}, false, "the certificate cannot be used"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.pair.write(t, dir)
			cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
			for path, text := range map[string]string{cert: tt.pair.cert, key: tt.pair.key} {
				if text == "" {
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
				}
			}
			_, err := httpd.OpenCertificate(cert, key, nil)
			var bad *httpd.CertificateError
			if !errors.As(err, &bad) || bad.Key != tt.key || !strings.Contains(bad.Error(), tt.want) || strings.Contains(bad.Error(), dir) {
				t.Errorf("error %v, want the key at fault = %t, %q, and no path", err, tt.key, tt.want)
			}
			if strings.HasSuffix(tt.want, "directory") && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v is not fs.ErrNotExist", err)
			}
		})
	}
}

func openPair(t *testing.T, dir string, log *records) *httpd.Certificate {
	t.Helper()
	cert, err := httpd.OpenCertificate(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), log.logger())
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// TestCertificateIsReadAgainWhenItsFilesChange replaces the files in all the
// ways that programs and people have.
func TestCertificateIsReadAgainWhenItsFilesChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// As Kubernetes mounts a secret: the names link into a folder that is a
		// link itself.
		mount := t.TempDir()
		link := func(target, name string) {
			if err := os.Symlink(target, filepath.Join(mount, name)); err != nil {
				t.Fatal(err)
			}
		}
		rename := func(from, to string) {
			if err := os.Rename(filepath.Join(mount, from), filepath.Join(mount, to)); err != nil {
				t.Fatal(err)
			}
		}
		folder := func(name string, p pair) string {
			if err := os.Mkdir(filepath.Join(mount, name), 0o700); err != nil {
				t.Fatal(err)
			}
			p.write(t, filepath.Join(mount, name))
			return name
		}
		link(folder("1", newPair(t, 1)), "now")
		link("now/cert.pem", "cert.pem")
		link("now/key.pem", "key.pem")

		var log records
		l, s, end, served := serving(t, httpd.Options{Certificate: openPair(t, mount, &log), Log: log.logger()})
		serial := func() int64 {
			conn := tls.Client(l.dial(), &tls.Config{InsecureSkipVerify: true})
			defer func() { _ = conn.Close() }()
			if err := conn.Handshake(); err != nil {
				t.Fatal(err)
			}
			return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
		}
		for _, step := range []struct {
			name   string
			change func()
			want   int64
		}{
			{"unchanged", func() {}, 1},
			{"the folder's link swapped", func() { link(folder("2", newPair(t, 2)), "next"); rename("next", "now") }, 2},
			{"written in place", func() { newPair(t, 3).write(t, mount) }, 3},
			{"garbage", func() { pair{"x", "y"}.write(t, mount) }, 3},
			{"still garbage", func() {}, 3},
			{"repaired", func() { newPair(t, 4).write(t, mount) }, 4},
			{"only the certificate so far", func() {
				p := newPair(t, 5)
				p.key = mustRead(t, filepath.Join(mount, "key.pem"))
				p.write(t, mount)
			}, 4},
			{"gone", func() { rename("now", "away") }, 4},
			{"still gone", func() {}, 4},
			{"back, and new", func() { rename("away", "now"); newPair(t, 6).write(t, mount) }, 6},
			{"renamed into place", func() {
				folder("7", newPair(t, 7))
				rename("7/cert.pem", "cert.pem")
				rename("7/key.pem", "key.pem")
			}, 7},
		} {
			before := serial()
			step.change()
			if got := serial(); got != before {
				t.Errorf("%s: looked within a second", step.name)
			}
			time.Sleep(time.Second)
			if got := serial(); got != step.want {
				t.Errorf("%s: certificate %d, want %d", step.name, got, step.want)
			}
		}
		if got := s.Stats(); got.CertificateReloads != 5 || got.CertificateFailures != 3 {
			t.Errorf("%d reloads, %d failures, want 5 and 3", got.CertificateReloads, got.CertificateFailures)
		}
		end()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		synctest.Wait()
		told := map[any]int{}
		for _, line := range log.lines(t) {
			told[line["msg"]]++
		}
		if n := told["the certificate has changed and the one before is still used"]; n != 3 {
			t.Errorf("%d lines about a certificate that cannot be used, want 3: %v", n, told)
		}
		if n := told["the certificate has changed"]; n != 5 {
			t.Errorf("%d lines about a new certificate, want 5: %v", n, told)
		}
	})
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAnExpiredCertificateIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		newPair(t, 1).write(t, dir)
		time.Sleep(2 * time.Hour)
		var log records
		openPair(t, dir, &log)
		if lines := log.lines(t); len(lines) != 1 || !strings.Contains(lines[0]["msg"].(string), "expired") {
			t.Errorf("logged %v", lines)
		}
	})
}
