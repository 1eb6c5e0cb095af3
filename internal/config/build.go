package config

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A builder makes the Config from the merged settings. It belongs to one Load
// and never stops at the first problem.
type builder struct {
	l        *loader
	r        *report
	cfg      Config           // begins as the defaults
	defaults map[string]*node // kwargs of all endpoints of a handler, by its name
	partial  bool             // kwargs are read that lack what endpoints have

	loginPage  string // the first SimpleAuth at a plain path, escaped; "" is none
	addressPos Pos    // of app.listen.address; the zero Pos if it was not set
	expiryPos  Pos    // of app.session.expiry; likewise
}

func (b *builder) build(settings *node, urls []*entry) {
	b.cfg.Dir = b.l.dir
	if len(b.l.files) > 0 {
		b.cfg.File = b.l.files[0].path
	}
	b.cfg.Files, b.cfg.Dirs = b.l.paths()

	f := b.fields(settings, "", "", "")
	b.app(valueOf(f["app"]))
	b.log(valueOf(f["log"]))
	b.python(valueOf(f["python"]))
	b.starlark(valueOf(f["starlark"]))
	b.runtime(&b.cfg.Runtime, f["runtime"], "runtime")
	b.handlerDefaults(valueOf(f["handlers"]))
	b.folder()
	b.endpoints(urls)
	b.loginPages()
	b.unsafe()
	b.cfg.Warnings = inFileOrder(b.r.warnings, b.r.files)
}

// folder says how the app's own folder is served: as by a FileHandler.
func (b *builder) folder() {
	own := &node{kind: mapping, entries: []*entry{
		{key: "path", value: &node{kind: text, text: "."}},
		{key: "default_filename", value: &node{kind: text, text: "index.html"}},
	}}
	kwargs, path := overlay(own, b.defaults[fileHandler]), "handlers."+fileHandler
	b.cfg.Folder = b.fileHandler(nil, kwargs, "", path)
	b.cfg.FolderAccess = b.access(kwargs, nil, "", path)
}

func (b *builder) app(n *node) {
	f := b.fields(n, "app", "", "app")
	b.listen(valueOf(f["listen"]))
	b.session(valueOf(f["session"]))
	b.settings(valueOf(f["settings"]))
	b.limits(valueOf(f["limits"]))
	b.duration(&b.cfg.App.ShutdownTimeout, f["shutdown_timeout"], "app.shutdown_timeout", time.Second)
	b.drain(valueOf(f["drain"]))
	b.cfg.App.Auth = b.auth(f["auth"], "", "app.auth")
	b.cfg.App.Token = b.token(f["token"], "", "app.token")
}

func (b *builder) listen(n *node) {
	to := &b.cfg.App.Listen
	f := b.fields(n, "app.listen", "", "app.listen")
	b.number(&to.Port, f["port"], "app.listen.port", 0, maxPort)
	if e := f["address"]; b.text(&to.Address, e, "app.listen.address") {
		b.addressPos = e.value.pos
		if !isAddress(to.Address) {
			b.r.addf(ruleAddress, e.value.pos, "app.listen.address",
				"%s is neither an IP address nor a host name; the port stands in app.listen.port", e.value.shown())
		}
	}
	if e := f["trusted_proxies"]; e != nil && e.value.kind != broken {
		to.TrustedProxies = b.proxies(e.value)
	}
	to.TLS = b.tls(f["tls"])
	b.number(&to.Loops, f["loops"], "app.listen.loops", 0, maxLoops)
	if e := f["driver"]; e != nil {
		b.choice(&to.Driver, e, "app.listen.driver", "auto", "epoll", "goroutine")
		to.DriverPos = e.value.pos
		if to.Driver == "epoll" && to.TLS != nil {
			b.r.addf(ruleEpollTLS, e.value.pos, "app.listen.driver",
				"epoll cannot read TLS, which app.listen.tls asks for; write auto, or let a proxy speak TLS and remove tls:")
		}
	}
}

// tls wants both files named. An empty mapping is no way to say "no TLS".
func (b *builder) tls(e *entry) *TLS {
	if e == nil {
		return nil
	}
	const path = "app.listen.tls"
	to := &TLS{}
	f := b.fields(e.value, path, "", path)
	for _, file := range []struct {
		key, what string
		path      *string
		pos       *Pos
	}{
		{"cert", "the file with the certificate and those that lead to its root, such as  cert: cert.pem", &to.Cert, &to.CertPos},
		{"key", "the file with the certificate's private key, such as  key: key.pem", &to.Key, &to.KeyPos},
	} {
		at := join(path, file.key)
		if e.value.kind == mapping && !hasKey(e.value, file.key) {
			b.r.addf(ruleMissing, e.pos, at, "missing; it names %s", file.what)
		} else if b.text(file.path, f[file.key], at) {
			*file.path, *file.pos = b.absolute(*file.path), f[file.key].value.pos
		}
	}
	return to
}

func isAddress(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	// Digits and dots alone are an address with a mistake in it.
	return strings.Trim(s, "0123456789.") != ""
}

func (b *builder) proxies(n *node) []netip.Prefix {
	var list []netip.Prefix
	items, paths := oneOrMany(n, "app.listen.trusted_proxies")
	for i, v := range items {
		if v.kind == broken {
			continue
		}
		p, ok := parsePrefix(v.text)
		if v.kind != text || !ok {
			b.r.addf(ruleProxy, v.pos, paths[i], "%s is neither an IP address nor a range such as 10.0.0.0/8", described(v))
			continue
		}
		if tooWide(p) {
			b.r.warnf(ruleWarnProxies, v.pos, paths[i],
				"trusts everybody, or nearly: any client there can say what its address is, and that it speaks HTTPS; name the proxies")
		}
		list = append(list, p)
	}
	return list
}

func parsePrefix(s string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, false
	}
	return p.Masked(), true
}

func (b *builder) session(n *node) {
	to := &b.cfg.App.Session
	f := b.fields(n, "app.session", "", "app.session")
	b.choice(&to.Store, f["type"], "app.session.type", "sqlite", "memory")
	if e := f["expiry"]; e != nil {
		b.duration(&to.Expiry, e, "app.session.expiry", day)
		b.expiryPos = e.value.pos
	}
	if e := f["cookie"]; b.text(&to.Cookie, e, "app.session.cookie") && !isToken(to.Cookie) {
		b.r.addf(ruleCookie, e.value.pos, "app.session.cookie", "%s cannot be a cookie's name: use letters, digits, - and _", e.value.shown())
	} else if name := strings.ToLower(to.Cookie); strings.HasPrefix(name, "__host-") || strings.HasPrefix(name, "__secure-") {
		b.r.addf(ruleCookie, e.value.pos, "app.session.cookie", "begins with a prefix that Parley adds itself where it may stand, on HTTPS; leave it out")
	}
	b.domain(&to.Domain, f["domain"], "app.session.domain")
	if e := f["path"]; b.text(&to.Path, e, "app.session.path") {
		to.Path = b.absolute(to.Path)
		if to.Store == "memory" {
			b.r.addf(ruleStorePath, e.pos, "app.session.path", "sessions of type memory have no file; remove path or type")
		} else if info, err := os.Stat(to.Path); err == nil && info.IsDir() {
			b.r.addf(ruleStorePath, e.value.pos, "app.session.path", "%s is a folder; name a file in it", e.value.shown())
		}
	}
}

// domain wants the name of a domain that has hosts below it.
func (b *builder) domain(to *string, e *entry, path string) {
	var name string
	if !b.text(&name, e, path) {
		return
	}
	if !isAddress(name) || strings.Trim(name, ".") != name || !strings.Contains(name, ".") {
		b.r.addf(ruleDomain, e.value.pos, path, "%s is not a domain such as example.com, without a dot in front", e.value.shown())
		return
	}
	if _, err := netip.ParseAddr(name); err == nil {
		b.r.addf(ruleDomain, e.value.pos, path, "an address has no hosts below it; remove the key")
		return
	}
	b.r.warnf(ruleWarnDomain, e.value.pos, path,
		"every host below it is sent the cookie and can set one; without the key, only this server (its cookie is then named __Host-… on HTTPS)")
	*to = strings.ToLower(name)
}

func (b *builder) settings(n *node) {
	f := b.fields(n, "app.settings", "", "app.settings")
	b.loginURL(&b.cfg.App.Settings.LoginURL, f["login_url"], "app.settings.login_url")
	if e := f["cookie_secret"]; e != nil {
		b.cfg.App.Settings.CookieSecrets = b.cookieSecrets(e.value, "app.settings.cookie_secret")
	}
}

// cookieSecrets never lets a problem show a secret.
func (b *builder) cookieSecrets(n *node, path string) []Secret {
	const (
		advice = "; use a long random text, or remove the key: Parley then makes a secret and keeps it"
		short  = 16
	)
	list := b.secrets(n, path)
	for _, s := range list {
		switch {
		case s.Text == "secret-key":
			b.r.addf(ruleSecret, s.Pos, path, "is Gramex's default, which everybody knows"+advice)
		case len(s.Text) < short:
			b.r.warnf(ruleWarnSecret, s.Pos, path, "is shorter than %d characters and can be guessed"+advice, short)
		}
	}
	return list
}

func (b *builder) log(n *node) {
	f := b.fields(n, "log", "", "log")
	b.choice(&b.cfg.Log.Format, f["format"], "log.format", "text", "json")
	var level string
	if e := f["level"]; b.text(&level, e, "log.level") {
		levels := map[string]slog.Level{
			"debug": slog.LevelDebug, "info": slog.LevelInfo,
			"warn": slog.LevelWarn, "warning": slog.LevelWarn, "error": slog.LevelError, "critical": slog.LevelError,
		}
		l, ok := levels[strings.ToLower(level)]
		if !ok {
			b.r.addf(ruleChoice, e.value.pos, "log.level", "%s is not one of: debug, info, warning, error", e.value.shown())
		}
		b.cfg.Log.Level = l
	}
}

func (b *builder) python(n *node) {
	to := &b.cfg.Python
	f := b.fields(n, "python", "", "python")
	b.number(&to.Workers, f["workers"], "python.workers", 1, maxWorkers)
	b.duration(&to.HangTimeout, f["hang_timeout"], "python.hang_timeout", time.Second)
	if b.text(&to.Executable, f["executable"], "python.executable") && strings.ContainsRune(filepath.ToSlash(to.Executable), '/') {
		to.Executable = b.absolute(to.Executable)
	}
	if e := f["path"]; e != nil {
		items, paths := oneOrMany(e.value, "python.path")
		for i, v := range items {
			var dir string
			if b.text(&dir, &entry{value: v}, paths[i]) {
				to.Path = append(to.Path, b.absolute(dir))
			}
		}
	}
}

func (b *builder) starlark(n *node) {
	to := &b.cfg.Starlark
	f := b.fields(n, "starlark", "", "starlark")
	b.number(&to.MaxSteps, f["max_steps"], "starlark.max_steps", 1000, maxSteps)
	b.duration(&to.Timeout, f["timeout"], "starlark.timeout", time.Second)
}

// runtime sets *to, which names a runtime or is "".
func (b *builder) runtime(to *string, e *entry, path string) {
	b.choice(to, e, path, "python", "starlark", "go")
}

// absolute returns a path that is relative to the app's folder.
func (b *builder) absolute(path string) string {
	path = filepath.FromSlash(path)
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(b.cfg.Dir, path)
}

// isToken reports whether s is a token of RFC 9110 §5.6.2: the name of a
// header or cookie.
func isToken(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, s[i]) >= 0 {
			return false
		}
	}
	return s != ""
}
