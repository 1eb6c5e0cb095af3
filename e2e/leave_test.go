package e2e_test

import (
	"regexp"
	"testing"
)

// Closing the page closes its socket: the document says so, and no script on
// the page does it.
func TestSeedBrowserTabIsClosed(t *testing.T) {
	dir, ok := seed(t)
	if !ok {
		return
	}
	s := serve(t, dir)
	p := openBrowser(t).open(s.url + "/messages.html")
	evaluate[any](p, `window.bot = new WebSocket(location.origin.replace(/^http/, "ws") + "/pingbot"); null`)
	p.wait(`bot.readyState === WebSocket.OPEN`)
	opened := s.logged(regexp.MustCompile(`Chatbot opened for (\S+)`))[1]
	p.close()
	s.logged(regexp.MustCompile(`Chatbot closed for ` + regexp.QuoteMeta(opened)))
}
