package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/config"
)

// tokenOptions are the flags of parley token.
type tokenOptions struct {
	user     string
	endpoint string
	claims   []string
	lasts    time.Duration
}

func tokenCommand(a *app) *cobra.Command {
	var opt tokenOptions
	cmd := &cobra.Command{
		Use:   "token [DIR or FILE] --user ID [flags]",
		Short: "make a token that opens a socket, to try it or for a job",
		Long: `Prints a JSON Web Token for a user, signed with the first secret: under token: of
the endpoint or the app. It says what issuer:, audience: and user: ask for.
Whoever has it is that user until it expires.`,
		Example: `  parley token --user alice
  parley token chat --user alice --endpoint news --for 1h --claim 'role=["admin"]'
  parley connect /news -H "Authorization: Bearer $(parley token --user alice)"`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error { return a.token(target(args), opt) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&opt.user, "user", "", "the `ID` of the user")
	flags.StringVar(&opt.endpoint, "endpoint", "", "the endpoint's `NAME` under url:, if several have a token:")
	flags.StringArrayVar(&opt.claims, "claim", nil, "one more claim, `NAME=VALUE`: JSON, or else a text (repeatable)")
	flags.DurationVar(&opt.lasts, "for", 10*time.Minute, "how long it is good for")
	return cmd
}

func (a *app) token(path string, opt tokenOptions) error {
	wrong := func(format string, args ...any) error {
		return &usageError{text: fmt.Sprintf(format, args...), command: "parley token"}
	}
	switch {
	case opt.user == "":
		return wrong("--user says for whom")
	case opt.lasts < time.Second:
		return wrong("--for %s: it has to be good for a second at least", opt.lasts)
	}
	cfg, err := config.Load(path, config.Options{Overrides: a.overrides})
	if err != nil {
		return err
	}
	t, err := tokenOf(cfg, opt.endpoint)
	if err != nil {
		return err
	}
	claims := standardClaims(t, opt)
	own := map[string]bool{}
	for _, text := range opt.claims {
		name, value, ok := strings.Cut(text, "=")
		switch {
		case !ok || name == "":
			return wrong("--claim %q: write NAME=VALUE", text)
		case name == idClaim(t):
			return wrong("--claim %s: that claim is what --user says", name)
		case own[name]:
			return wrong("--claim %s: is there twice", name)
		}
		own[name] = true
		claims[name] = claimValue(value)
	}
	token, err := auth.SignHS([]byte(t.Secrets[0].Text), claims)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, token)
	return nil
}

// standardClaims are what t's rules ask for.
func standardClaims(t *config.Token, opt tokenOptions) map[string]any {
	now := time.Now()
	claims := map[string]any{
		idClaim(t): opt.user,
		"iat":      now.Unix(),
		"exp":      now.Add(opt.lasts).Unix(),
	}
	if t.Issuer != "" {
		claims["iss"] = t.Issuer
	}
	if len(t.Audience) > 0 {
		claims["aud"] = t.Audience[0]
	}
	return claims
}

// idClaim is the claim with the user's id. A path with dots is a name, too.
func idClaim(t *config.Token) string {
	for _, c := range t.User {
		if c.Attribute == "id" {
			return c.Path
		}
	}
	return "sub"
}

// claimValue reads JSON, keeping its numbers as they are; what is none is a text.
func claimValue(text string) any {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return text
}

// tokenOf returns the token: of the endpoint of that name; for "" the one that
// there is, or the app's. It has a secret to sign with.
func tokenOf(cfg *config.Config, endpoint string) (*config.Token, error) {
	var all []*config.Token // without repeats: those that have the app's share it
	var names, own []string // of endpoints; own of those that have one of their own
	var named *config.Endpoint
	for _, e := range cfg.Endpoints {
		names = append(names, e.Name)
		if e.Name == endpoint {
			named = e
		}
		if e.WebSocket == nil || e.WebSocket.Token == nil {
			continue
		}
		if t := e.WebSocket.Token; !slices.Contains(all, t) {
			all = append(all, t)
			own = append(own, e.Name)
		}
	}
	switch {
	case endpoint != "" && named == nil:
		text := fmt.Sprintf("--endpoint %s: there is none of that name%s", endpoint, config.DidYouMean(endpoint, names))
		return nil, &usageError{text: text, command: "parley token"}
	case named != nil && named.WebSocket == nil:
		return nil, fmt.Errorf("url.%s is a %s, which takes no tokens", endpoint, named.Handler())
	case named != nil && named.WebSocket.Token == nil:
		return nil, fmt.Errorf("url.%s has no token: and app: has none", endpoint)
	case named != nil:
		return signing(named.WebSocket.Token, "url."+endpoint)
	case len(all) == 0:
		return nil, errors.New("no socket of this app takes tokens: write a token: with a secret: under an endpoint, or under app: for all")
	case len(all) == 1:
		return signing(all[0], "url."+own[0])
	case cfg.App.Token != nil && slices.Contains(all, cfg.App.Token):
		return signing(cfg.App.Token, "app")
	}
	text := fmt.Sprintf("several endpoints have a token: of their own: say --endpoint NAME, one of %s", strings.Join(own, ", "))
	return nil, &usageError{text: text, command: "parley token"}
}

// signing returns t if tokens for it can be made here. where has it.
func signing(t *config.Token, where string) (*config.Token, error) {
	switch {
	case !t.HasJWT():
		return nil, fmt.Errorf("%s: its token: takes tickets only", where)
	case len(t.Secrets) == 0:
		return nil, fmt.Errorf("%s: its token: has public keys only, which cannot sign: tokens come from who has the private key", where)
	case len(t.Algorithms) > 0 && !slices.Contains(t.Algorithms, "HS256"):
		return nil, fmt.Errorf("%s: its token: does not take HS256, which this signs with (see algorithms:)", where)
	}
	return t, nil
}
