package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// ahead is what a configuration needs besides the document's, to run as an
// ordinary user and to leave nothing behind.
const ahead = `
daemon off;
error_log stderr;
pid .pid;
events {}
`

const tempPaths = `http {
  access_log off;
  client_body_temp_path .body;
  proxy_temp_path .proxy;
  fastcgi_temp_path .fastcgi;
  scgi_temp_path .scgi;
  uwsgi_temp_path .uwsgi;
`

// freePort returns a port that nobody listened on a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// nginx runs nginx with config, until the test ends, and waits until it
// listens on port.
func nginx(t *testing.T, config, port string) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "nginx.conf"), config)
	log := &logBuffer{}
	cmd := exec.Command(program(t, "nginx", "nginx-light"), "-e", "stderr", "-p", dir, "-c", "nginx.conf")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // nginx: quit at once, with its workers
		<-ended
		if t.Failed() {
			t.Logf("nginx logged:\n%s\nwith\n%s", log, config)
		}
	})
	eventually(t, "nginx listens", func() bool {
		select {
		case <-ended:
			t.Fatalf("nginx has ended: %s", log)
		default:
		}
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// documented returns the document's configuration as it is written, with what
// the reader is to fill in.
func documented(t *testing.T, upstream, listen string) (config string, ok bool) {
	t.Helper()
	dir, ok := seed(t)
	if !ok {
		return "", false
	}
	return ahead + fill(t, read(t, filepath.Join(dir, "../nginx-http.conf")),
		"proxy_pass ...;", "proxy_pass "+upstream+";",
		"http {\n", tempPaths,
		"server {\n", "server {\n    "+listen+"\n",
	), true
}

// fill replaces each first text by the second; a text that is missing fails
// the test.
func fill(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("no %q in\n%s", pairs[i], text)
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

// requestApp answers with what its handler knows of the request.
func requestApp(t *testing.T) string {
	return app(t, map[string]string{
		"gramex.yaml": `
url:
  request:
    pattern: /request
    handler: WebSocketHandler
    kwargs:
      open: {function: request.open}
`,
		"request.py": `
def open(handler):
    request = handler.request
    handler.write_message('%s %s %s' % (request.protocol, request.host, request.remote_ip))
`,
	})
}

// The seed's app behind nginx with the document's configuration: sockets work,
// and origins are compared although the Host header has lost its port.
func TestSeedNginx(t *testing.T) {
	dir, ok := seed(t)
	if !ok {
		return
	}
	s, port := serve(t, dir), freePort(t)
	config, _ := documented(t, s.url, "listen 127.0.0.1:"+port+";")
	nginx(t, config, port)
	front := "http://127.0.0.1:" + port

	for _, origin := range []string{"", front, "http://localhost:" + port, "https://app.gramener.com"} {
		options := &websocket.DialOptions{HTTPHeader: http.Header{}}
		if origin != "" {
			options.HTTPHeader.Set("Origin", origin)
		}
		c, err := try(t, front+"/pingbot", options)
		if err != nil {
			t.Errorf("origin %q: %v", origin, err)
			continue
		}
		c.say("Hello world")
		c.expect("Got message: Hello world")
	}
	for _, origin := range []string{"http://evil.example", "https://evilgramener.com", "null"} {
		c, err := try(t, front+"/pingbot", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
		if err == nil || c.response == nil || c.response.StatusCode != http.StatusForbidden {
			t.Errorf("origin %q: %v, want 403", origin, err)
		}
	}

	one, err := try(t, front+"/messages", nil)
	if err != nil {
		t.Fatal(err)
	}
	two := s.dial("/messages")
	two.say("two is here")
	two.until("two is here")
	one.say("through nginx")
	one.until("through nginx")
	two.until("through nginx")
}

// The document's X-Scheme tells the app what the browser spoke: nginx ends TLS
// here, and Parley believes it because it comes from this machine.
func TestSeedNginxScheme(t *testing.T) {
	s, port := serve(t, requestApp(t)), freePort(t)
	dir := t.TempDir()
	certificate, key := selfSigned(t, dir)
	listen := fmt.Sprintf("listen 127.0.0.1:%s ssl; ssl_certificate %s; ssl_certificate_key %s;", port, certificate, key)
	config, ok := documented(t, s.url, listen)
	if !ok {
		return
	}
	nginx(t, config, port)

	trusting := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // ours, of a moment ago
	}}
	c, err := try(t, "https://127.0.0.1:"+port+"/request", &websocket.DialOptions{HTTPClient: trusting})
	if err != nil {
		t.Fatal(err)
	}
	c.expect("https 127.0.0.1 127.0.0.1") // the document's Host has no port
	if cookies := c.response.Cookies(); len(cookies) != 1 || !cookies[0].Secure || cookies[0].Name != "__Host-sid" {
		t.Errorf("over https the 101 set the cookies %v, want a __Host-sid that is Secure", cookies)
	}

	c = s.dial("/request")
	c.expect("http " + strings.TrimPrefix(s.url, "http://") + " 127.0.0.1")
	if cookies := c.response.Cookies(); len(cookies) != 1 || cookies[0].Secure || cookies[0].Name != "sid" {
		t.Errorf("over http the 101 set the cookies %v, want a sid that is not Secure", cookies)
	}
}

// The example's own configuration, on other ports.
func TestExampleNginx(t *testing.T) {
	s, port := serve(t, example(t, "nginx")), freePort(t)
	nginx(t, fill(t, read(t, example(t, "nginx/nginx.conf")),
		"listen 8080;", "listen 127.0.0.1:"+port+";",
		"http://127.0.0.1:9988;", s.url+";",
	), port)
	c, err := try(t, "http://127.0.0.1:"+port+"/socket", nil)
	if err != nil {
		t.Fatal(err)
	}
	c.expect(`{"proxied": true, "protocol": "http", "host": "127.0.0.1", "address": "127.0.0.1"}`)
	c.say("there")
	c.expect(`{"echo": "there"}`)

	tab := openBrowser(t).open("http://127.0.0.1:" + port + "/")
	tab.wait(`document.querySelector('#status').dataset.state === 'live'`)
	tab.wait(`document.querySelector('#log').textContent.includes('You came through nginx')`)

	direct := s.dial("/socket")
	if got := direct.hear(); !strings.Contains(got, `"proxied": false`) {
		t.Errorf("without nginx the app says %s", got)
	}
}

// selfSigned writes a certificate for 127.0.0.1 and its key into dir.
func selfSigned(t *testing.T, dir string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(dir, "certificate.pem"), filepath.Join(dir, "key.pem")
	write(t, certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public})))
	write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	return certificate, key
}

// Our examples in a browser, behind nginx with the document's configuration.
func TestExamplesBehindNginx(t *testing.T) {
	s, port := serve(t, example(t, "")), freePort(t)
	config, ok := documented(t, s.url, "listen 127.0.0.1:"+port+";")
	if !ok {
		return
	}
	nginx(t, config, port)
	front := "http://localhost:" + port
	b := openBrowser(t)

	bot := b.open(front + "/pingbot/")
	bot.wait(live)
	bot.enter("#text", "Hello")
	bot.text("#log", "Got message: Hello")

	asha, ben := b.open(front+"/chat/"), b.open(front+"/chat/")
	for p, name := range map[*tab]string{asha: "Asha", ben: "Ben"} {
		p.wait(live)
		p.keys("#name", name)
	}
	asha.enter("#text", "through nginx")
	asha.text("#log li.mine", "through nginx")
	ben.text("#log", "through nginx")

	idle := b.open(front + "/idlebot/")
	idle.wait(live)
	idle.enter("#text", "I like rain")
	idle.text("#log li.answer:last-child", "I like rain")
	idle.wait(`document.querySelector('#log li.aside')`) // it speaks by itself
}
