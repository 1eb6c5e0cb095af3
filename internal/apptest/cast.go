package apptest

import "go.yaml.in/yaml/v3"

// A cast is who has done what in a test so far, as far as its text tells.
type cast struct {
	open  map[string]bool // has a socket
	known map[string]bool // has dialled or got a page
	lost  bool            // a step was not understood: what follows may be right
}

func newCast() *cast { return &cast{open: map[string]bool{}, known: map[string]bool{}} }

// follow checks that who can do that now, and notes that it is done.
func (c *cast) follow(r *reader, who string, v *verb, f fields) {
	if !c.lost {
		c.check(r, who, v, f[v.name])
	}
	if n := f["session"]; n != nil && n.Kind == yaml.ScalarNode && !c.known[n.Value] && !c.lost {
		r.addf(n, "session: takes values, or the name of one who came before; there is no %s", n.Value)
	}
	switch v.name {
	case "dial":
		c.known[who], c.open[who] = true, f["status"] == nil
	case "get":
		c.known[who] = true
	case "close", "closed":
		c.open[who] = false
	}
}

func (c *cast) check(r *reader, who string, v *verb, at *yaml.Node) {
	switch {
	case v.name == "dial" && c.open[who]:
		r.addf(at, "dial: close the socket that is open first, or give this one another name, as in  bob: {dial: …}")
	case !v.needsSocket || c.open[who]:
	case who == "" && len(c.known) > 0 && !c.known[""]:
		r.addf(at, "%s: who does that? Write it as in  ann: {%s: …}", v.name, v.name)
	case who == "":
		r.addf(at, "%s: there is no open socket: dial first", v.name)
	default:
		r.addf(at, "%s: %s has no open socket: dial first", v.name, who)
	}
}
