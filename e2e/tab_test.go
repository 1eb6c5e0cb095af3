package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// A browser is one headless Chromium with a profile of its own.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func openBrowser(t *testing.T) *browser {
	t.Helper()
	flags := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program(t, "chromium", "chromium")),
		chromedp.NoSandbox, // containers often have no user namespaces
		chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("no-pings", true),
		chromedp.WSURLReadTimeout(patience),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), flags...)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		end()
		stop()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting chromium: %v", err)
	}
	return &browser{t: t, ctx: ctx}
}

// A tab is one page. Errors on its console, exceptions and loads that failed
// fail the test when it ends, but for the excused.
type tab struct {
	t       *testing.T
	ctx     context.Context
	console console
	excuse  string // messages with this text are no fault; "" excuses none
	close   func() // may be called twice
}

// console collects what a page writes to its console.
type console struct {
	mu       sync.Mutex
	messages []chromedp.ConsoleMessage
}

// open opens url in a new tab.
func (b *browser) open(url string) *tab {
	b.t.Helper()
	return b.openSized(url, 1100, 700, false)
}

// openSized opens url in a new tab of this size; mobile makes it a phone.
func (b *browser) openSized(url string, width, height int64, mobile bool) *tab {
	b.t.Helper()
	ctx, closeTab := chromedp.NewContext(b.ctx)
	p := &tab{t: b.t, ctx: ctx}
	messages := chromedp.Console(ctx) // before the page can write anything
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		for message, err := range messages {
			if err != nil {
				return
			}
			p.console.mu.Lock()
			p.console.messages = append(p.console.messages, message)
			p.console.mu.Unlock()
		}
	}()
	p.close = sync.OnceFunc(func() {
		p.checkConsole()
		closeTab()
		<-collected
	})
	b.t.Cleanup(p.close)
	var options []chromedp.EmulateViewportOption
	if mobile {
		options = append(options, chromedp.EmulateMobile)
	}
	p.do("opening "+url, chromedp.EmulateViewport(width, height, options...), chromedp.Navigate(url))
	return p
}

func (p *tab) checkConsole() {
	for _, m := range p.said() {
		bad := m.Type == chromedp.ConsoleError || m.IsException()
		if bad && (p.excuse == "" || !strings.Contains(m.Text, p.excuse)) {
			p.t.Errorf("on the console: %s (%s:%d)", m, m.URL, m.Line)
		}
	}
}

// said returns what the page wrote to its console so far.
func (p *tab) said() []chromedp.ConsoleMessage {
	p.console.mu.Lock()
	defer p.console.mu.Unlock()
	return append([]chromedp.ConsoleMessage(nil), p.console.messages...)
}

func (p *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

// evaluate runs a JavaScript expression in p.
func evaluate[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("evaluating %s: %v", expression, err)
	}
	return value
}

// wait waits until a JavaScript expression is true.
func (p *tab) wait(expression string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !evaluate[bool](p, "!!("+expression+")"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("in %v it did not come true: %s\nthe page shows:\n%s", patience, expression,
				evaluate[string](p, "document.body.innerText"))
		}
	}
}

// text waits until the element that css selects shows text.
func (p *tab) text(css, text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("document.querySelector(%q)?.innerText.includes(%q)", css, text))
}

// enter types text into the field that css selects, and Enter.
func (p *tab) enter(css, text string) {
	p.t.Helper()
	p.keys(css, text+"\r")
}

// keys types into the field that css selects, with real keys.
func (p *tab) keys(css, keys string) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, page.BringToFront, cdp.Empty{}); err != nil {
		p.t.Fatalf("bringing the tab to the front: %v", err)
	}
	p.do("typing "+keys, chromedp.SendKeys(chromedp.CSS(css), keys))
}

// click clicks on what css selects.
func (p *tab) click(css string) {
	p.t.Helper()
	p.do("clicking "+css, chromedp.Click(chromedp.CSS(css)))
}
