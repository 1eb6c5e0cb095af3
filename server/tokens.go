package server

import (
	"crypto"
	"log/slog"

	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/config"
	"parley.example/parley/internal/endpoint"
)

// A keyring has the tokens of an app's endpoints. Those that have app.token
// share it, and the keys that it fetches.
type keyring map[*config.Token]*endpoint.Tokens

// newKeyring reads the keys that tokens are verified with. What is wrong with
// them is a problem of the app's config.
func newKeyring(cfg *config.Config, log *slog.Logger) (keyring, []config.Problem) {
	ring := keyring{}
	var problems []config.Problem
	for _, e := range cfg.Endpoints {
		if e.WebSocket == nil || e.WebSocket.Token == nil || !e.WebSocket.Token.HasJWT() || ring[e.WebSocket.Token] != nil {
			continue
		}
		t := e.WebSocket.Token
		keys, wrong := publicKeys(t)
		problems = append(problems, wrong...)
		if len(wrong) > 0 {
			continue
		}
		verifier, err := auth.NewVerifier(verifierOptions(t, keys, log))
		if err != nil {
			problems = append(problems, problemAt(t.Pos, "token", err))
			continue
		}
		ring[t] = &endpoint.Tokens{
			Verifier: verifier, Grace: t.Grace,
			Sources: auth.Sources{Header: t.Header, Query: t.Query, Subprotocol: t.Subprotocol},
		}
	}
	return ring, problems
}

func publicKeys(t *config.Token) (keys []crypto.PublicKey, problems []config.Problem) {
	for _, file := range t.Keys {
		some, err := auth.LoadPublicKeys(file.Path)
		if err != nil {
			problems = append(problems, problemAt(file.Pos, "token.key", err))
		}
		keys = append(keys, some...)
	}
	return keys, problems
}

func verifierOptions(t *config.Token, keys []crypto.PublicKey, log *slog.Logger) auth.VerifierOptions {
	opt := auth.VerifierOptions{
		Keys: keys, JWKS: t.JWKS, Algorithms: t.Algorithms, Issuer: t.Issuer, Audience: t.Audience, Log: log,
	}
	for _, secret := range t.Secrets {
		opt.Secrets = append(opt.Secrets, []byte(secret.Text))
	}
	for _, claim := range t.User {
		if opt.User == nil {
			opt.User = map[string]string{}
		}
		opt.User[claim.Attribute] = claim.Path
	}
	return opt
}

func problemAt(pos config.Pos, key string, err error) config.Problem {
	return config.Problem{File: pos.File, Line: pos.Line, Column: pos.Column, Key: key, Text: err.Error()}
}
