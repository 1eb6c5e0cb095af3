package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"parley.example/parley"
)

const (
	refreshEvery = 10 * time.Minute // how old keys become before they are fetched again
	fetchSpacing = 10 * time.Second // between the beginnings of two fetches, whatever tokens come, and after one that failed
	fetchTimeout = 5 * time.Second
	keepKeys     = 24 * time.Hour // how long keys serve while the URL is down
	warnEvery    = time.Minute
	maxKeySet    = 1 << 20 // bytes
)

// jwks is the key set that an issuer publishes at one URL. Each Verifier has
// its own, so that a kid of one issuer never means another's key.
//
// Only run fetches, one request at a time; those who find a key missing ask it
// to, and wait. However many unknown kids come, there is a fetch every ten
// seconds at most.
type jwks struct {
	url    string
	shown  string // url without its query, for logs
	client *http.Client
	log    *slog.Logger
	want   chan struct{} // holds one: somebody waits for a fetch

	mu sync.Mutex
	// Guarded by mu.
	keys     []verifyKey   // of the last fetch that succeeded; replaced, never changed
	read     time.Time     // when that ended
	begun    time.Time     // when the last fetch began
	trouble  error         // why the last fetch failed, or there was none; nil if it succeeded
	fetching bool          // one is under way
	fetched  chan struct{} // closed at the end of the next fetch, or when run ends
	ended    bool          // run has ended: nothing is fetched any more

	// Owned by run.
	warned time.Time // when the log was last warned
	told   string    // which keys the log has been told of
}

// newJWKS checks the URL. client may be nil; of one that is not, redirects and
// cookies are not used.
func newJWKS(text string, client *http.Client, log *slog.Logger) (*jwks, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("it cannot be read as a URL")
	case u.Host == "" || u.Hostname() == "":
		return nil, errors.New("it has no host")
	case u.User != nil:
		return nil, errors.New("it has a user or password in it")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("it must begin with https://")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, fmt.Errorf("http to %s: anybody on the way could change the keys; only https, or this machine itself", u.Hostname())
	}
	u.Fragment = ""
	if client == nil {
		client = &http.Client{Transport: keyTransport(u.Scheme)}
	}
	own := *client
	own.Jar = nil
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	shown := *u
	shown.RawQuery, shown.ForceQuery = "", false
	return &jwks{
		url:     u.String(),
		shown:   shown.String(),
		client:  &own,
		log:     log,
		want:    make(chan struct{}, 1),
		trouble: errors.New("not fetched yet"),
		fetched: make(chan struct{}),
	}, nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// keyTransport keeps no connection between fetches. Over http it connects to
// nothing but this machine, whatever address a name has; over https the
// certificate says whom it talks to.
func keyTransport(scheme string) *http.Transport {
	dialer := &net.Dialer{}
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}
	if scheme == "https" {
		t.Proxy = http.ProxyFromEnvironment
		return t
	}
	dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		if to, err := netip.ParseAddrPort(address); err != nil || !to.Addr().Unmap().IsLoopback() {
			return errors.New("http to another machine")
		}
		return nil
	}
	return t
}

// find is the keys at hand that may have signed a token of this algorithm and
// kid; a token without a kid may be any key's. named reports that one of them
// has the token's kid, so that fetching again would bring nothing new.
func (s *jwks) find(alg, kid string) (keys []verifyKey, named bool) {
	s.mu.Lock()
	all := s.keys
	if time.Since(s.read) > keepKeys {
		all = nil
	}
	s.mu.Unlock()
	for _, k := range all {
		if slices.Contains(k.algs, alg) && (kid == "" || k.kid == "" || k.kid == kid) {
			keys = append(keys, k)
			named = named || kid != "" && k.kid == kid
		}
	}
	return keys, named
}

// refresh has the keys fetched and waits for that. news is false if they have
// just been, so that looking again is no use. The error is
// parley.ErrUnavailable: the keys we have are not all there are.
func (s *jwks) refresh(ctx context.Context) (news bool, err error) {
	fetched, trouble := s.ask()
	if fetched == nil {
		return false, s.unavailable(trouble)
	}
	// Run may not have been called yet.
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	select {
	case <-fetched:
	case <-ctx.Done():
		return false, s.unavailable(fmt.Errorf("waiting for them: %w", ctx.Err()))
	}
	s.mu.Lock()
	trouble = s.trouble
	s.mu.Unlock()
	return true, s.unavailable(trouble)
}

// ask asks run for a fetch, whose end closes fetched. If it is too early for
// another, or too late, fetched is nil, and trouble what the last one met.
func (s *jwks) ask() (fetched <-chan struct{}, trouble error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.fetching && !s.ended:
		return s.fetched, nil
	case s.ended, time.Since(s.begun) < fetchSpacing:
		return nil, s.trouble
	}
	select {
	case s.want <- struct{}{}:
	default:
	}
	return s.fetched, nil
}

// unavailable is the error of somebody whose key is missing because of
// trouble, nil if there is none.
func (s *jwks) unavailable(trouble error) error {
	if trouble == nil {
		return nil
	}
	return fmt.Errorf("%w: keys of %s: %w", parley.ErrUnavailable, s.shown, trouble)
}

// run fetches until ctx ends: at once, when the keys are old, and when asked.
func (s *jwks) run(ctx context.Context) error {
	defer s.end()
	for {
		wait := s.fetch(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.want:
		case <-time.After(wait):
		}
	}
}

// end tells those who wait that nothing will come.
func (s *jwks) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.trouble = errors.New("the server is stopping")
	close(s.fetched)
}

// fetch fetches once, tells those who wait, and answers how long to wait
// before the next.
func (s *jwks) fetch(ctx context.Context) time.Duration {
	s.mu.Lock()
	s.fetching, s.begun = true, time.Now()
	select {
	case <-s.want: // whoever asked until now is served by this one
	default:
	}
	s.mu.Unlock()

	keys, skipped, err := s.get(ctx)
	if ctx.Err() != nil {
		return 0
	}

	s.mu.Lock()
	s.fetching, s.trouble = false, err
	if err == nil {
		s.keys, s.read = keys, time.Now()
	}
	have, age := len(s.keys), time.Since(s.read)
	close(s.fetched)
	s.fetched = make(chan struct{})
	s.mu.Unlock()

	if err != nil {
		if have > 0 && age <= keepKeys {
			s.warn("keys of a token issuer cannot be fetched; those of before are used for a day", "err", err, "age", age.Round(time.Second))
		} else {
			s.warn("keys of a token issuer cannot be fetched", "err", err)
		}
		return fetchSpacing
	}
	s.tellNews(keys, skipped)
	return refreshEvery
}

// warn logs, once a minute.
func (s *jwks) warn(what string, args ...any) {
	if time.Since(s.warned) >= warnEvery {
		s.warned = time.Now()
		s.log.Warn(what, append([]any{"url", s.shown}, args...)...)
	}
}

// tellNews logs which keys there are, if they are others than before.
func (s *jwks) tellNews(keys []verifyKey, skipped []string) {
	const shown = 5
	if more := len(skipped) - shown; more > 0 {
		skipped = append(skipped[:shown:shown], fmt.Sprintf("and %d more", more))
	}
	notUsed := strings.Join(skipped, "; ")
	news := notUsed
	for _, k := range keys {
		news += "\n" + k.kid
	}
	switch {
	case len(keys) == 0:
		s.warn("a token issuer has no key that can be used", "not_used", notUsed)
	case news != s.told:
		s.log.Info("keys of a token issuer read", "url", s.shown, "keys", len(keys), "not_used", notUsed)
	}
	s.told = news
}

// get fetches the keys. It follows no redirect, reads no more than a megabyte,
// and ends after fetchTimeout.
func (s *jwks) get(ctx context.Context) (keys []verifyKey, skipped []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	req.Header.Set("User-Agent", "parley")
	res, err := s.client.Do(req)
	if err != nil {
		var failed *url.Error // says the URL again, with its query
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return nil, nil, err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return nil, nil, fmt.Errorf("it answers with status %d: redirects are not followed", res.StatusCode)
	case res.StatusCode != http.StatusOK:
		return nil, nil, fmt.Errorf("it answers with status %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxKeySet+1))
	if err != nil {
		return nil, nil, err
	}
	if len(body) > maxKeySet {
		return nil, nil, fmt.Errorf("it answers with over %d bytes", maxKeySet)
	}
	return parseKeySet(body)
}
