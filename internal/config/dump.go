package config

import (
	"fmt"
	"io"
	"strings"
)

// Dump writes the whole Config for people and golden tests. The app's folder
// is written $DIR, and secrets are not shown.
func (c *Config) Dump(w io.Writer) error {
	d := &dumper{w: w, dir: c.Dir}
	d.line(0, "files: %s", strings.Join(c.Files, " "))
	d.line(0, "dirs: %s", strings.Join(c.Dirs, " "))
	l := c.App.Listen
	d.line(0, "app.listen: port=%d address=%s trusted_proxies=%v driver=%s loops=%d", l.Port, l.Address, l.TrustedProxies, l.Driver, l.Loops)
	if l.TLS != nil {
		d.line(0, "app.listen.tls: cert=%s key=%s", l.TLS.Cert, l.TLS.Key)
	}
	d.line(0, "app.session: type=%s path=%s cookie=%s domain=%s expiry=%v",
		c.App.Session.Store, c.App.Session.Path, c.App.Session.Cookie, c.App.Session.Domain, c.App.Session.Expiry)
	d.line(0, "app.settings: cookie_secret=%v login_url=%s", c.App.Settings.CookieSecrets, c.App.Settings.LoginURL)
	d.auth(0, "app.auth", c.App.Auth)
	d.token(0, "app.token", c.App.Token)
	d.line(0, "app.limits: connections=%d connections_per_address=%d handshakes=%d",
		c.App.Limits.Connections, c.App.Limits.ConnectionsPerAddress, c.App.Limits.Handshakes)
	d.line(0, "app.drain: over=%v", c.App.Drain.Over)
	d.line(0, "app.shutdown_timeout: %v", c.App.ShutdownTimeout)
	d.line(0, "log: level=%v format=%s", c.Log.Level, c.Log.Format)
	d.line(0, "python: executable=%s workers=%d hang_timeout=%v path=%s",
		c.Python.Executable, c.Python.Workers, c.Python.HangTimeout, strings.Join(c.Python.Path, " "))
	d.line(0, "starlark: max_steps=%d timeout=%v", c.Starlark.MaxSteps, c.Starlark.Timeout)
	d.line(0, "runtime: %s", c.Runtime)
	d.line(0, "folder:")
	d.file(c.Folder)
	d.access(c.FolderAccess)
	for _, e := range c.Endpoints {
		d.endpoint(e)
	}
	for _, p := range c.Warnings {
		d.line(0, "warning: %s", p)
	}
	return d.err
}

// A dumper writes lines until one cannot be written.
type dumper struct {
	w   io.Writer
	dir string
	err error
}

func (d *dumper) line(indent int, format string, args ...any) {
	if d.err == nil {
		text := strings.TrimRight(fmt.Sprintf(format, args...), " ")
		text = strings.ReplaceAll(text, d.dir, "$DIR")
		_, d.err = fmt.Fprintf(d.w, "%s%s\n", strings.Repeat("  ", indent), text)
	}
}

func (d *dumper) endpoint(e *Endpoint) {
	d.line(0, "url.%s: %s", e.Name, e.Pos)
	d.line(1, "pattern: %s", e.Pattern)
	d.line(1, "priority: %d", e.Priority)
	d.line(1, "runtime: %s", e.Runtime)
	d.line(1, "handler: %s", e.Handler())
	d.line(1, "kwargs: %s", e.Kwargs)
	d.access(e.Access)
	switch {
	case e.WebSocket != nil:
		w := e.WebSocket
		d.function("open", w.Open)
		d.function("on_message", w.OnMessage)
		d.function("on_close", w.OnClose)
		d.function("on_pong", w.OnPong)
		d.function("select_subprotocol", w.SelectSubprotocol)
		if w.OriginsSet {
			d.line(1, "origins:")
			for _, o := range w.Origins {
				d.line(2, "%s %q", o.Pos, o.Text)
			}
		}
		d.line(1, "max_message_size=%d ping_interval=%v ping_timeout=%v", w.MaxMessageSize, w.PingInterval, w.PingTimeout)
		d.line(1, "idle_timeout=%v slow=%s outbox=%d", w.IdleTimeout, w.Slow, w.Outbox)
		if c := w.Compression; c != nil {
			d.line(1, "compression: threshold=%d level=%d context_takeover=%t", c.Threshold, c.Level, c.ContextTakeover)
		}
		if r := w.Rate; r != nil {
			d.line(1, "rate: messages=%v/s bytes=%v/s burst=%v over=%s", r.Messages, r.Bytes, r.Burst, r.Over)
		}
		d.headers("header", w.Headers)
		d.token(1, "token", w.Token)
	case e.Function != nil:
		d.function("function", e.Function.Function)
		d.headers("header", e.Function.Headers)
	case e.File != nil:
		d.file(e.File)
	case e.Login != nil:
		d.login(e.Login)
	case e.Logout != nil:
		d.redirect(e.Logout.Redirect)
	}
}

func (d *dumper) file(f *File) {
	d.line(1, "path: %s", f.Path)
	d.line(1, "default_filename: %s", f.DefaultFilename)
	d.globs("ignore", f.Ignore)
	d.globs("allow", f.Allow)
	d.headers("header", f.Headers)
	for _, h := range f.FilesHeaders {
		d.headers("header of "+h.Files.Text, h.Headers)
	}
}

func (d *dumper) globs(what string, globs []Glob) {
	for _, g := range globs {
		d.line(1, "%s: %s %s", what, g.Pos, g.Text)
	}
}

func (d *dumper) headers(what string, headers []Header) {
	for _, h := range headers {
		if h.Off {
			d.line(1, "%s: %s %s is off", what, h.Pos, h.Name)
		} else {
			d.line(1, "%s: %s %s: %s", what, h.Pos, h.Name, h.Value)
		}
	}
}

func (d *dumper) function(hook string, f *Function) { d.functionAt(1, hook, f) }

func (d *dumper) functionAt(indent int, hook string, f *Function) {
	if f == nil {
		return
	}
	d.line(indent, "%s:", hook)
	for _, s := range f.Steps {
		d.line(indent+1, "%s name=%s args=%s kwargs=%s", s.Pos, s.Name, s.Args, s.Kwargs)
		d.line(indent+2, "%s", strings.ReplaceAll(s.Text, "\n", "\\n"))
	}
}
