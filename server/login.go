package server

import (
	"encoding/json"

	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/config"
	"parley.example/parley/internal/httpd"
	"parley.example/parley/internal/login"
	"parley.example/parley/internal/session"
)

// checkPassword says what is wrong with a password in the YAML.
func checkPassword(text string) (weakness string, err error) {
	if _, err := auth.CheckHash(text); err != nil {
		return "", err
	}
	return auth.Weakness(text), nil
}

// newLogin makes the SimpleAuth of e.
func (s *Server) newLogin(e *config.Endpoint) (*login.SimpleAuth, error) {
	l := e.Login
	opt := login.Options{
		Name: e.Name, Users: map[string]login.Credential{}, Sessions: s.sessions, Passwords: s.passwords, Key: s.formKey,
		Delay: l.Delay, Address: httpd.QuietClientAddr, Redirect: redirectOf(l.Redirect), Template: l.Template,
		UserField: l.UserField, PasswordField: l.PasswordField,
		Terms: session.Terms{Expiry: l.SessionExpiry, Inactive: l.SessionInactive},
		Log:   s.log,
	}
	for _, c := range l.Credentials {
		user := login.Credential{Password: c.Password.Text}
		if len(c.Attributes) > 0 {
			if err := json.Unmarshal(c.Attributes, &user.Attributes); err != nil {
				return nil, err
			}
		}
		opt.Users[c.Name] = user
	}
	return login.New(opt)
}

// newLogout makes the LogoutHandler of e.
func (s *Server) newLogout(e *config.Endpoint) (*login.Logout, error) {
	return login.NewLogout(login.LogoutOptions{
		Name: e.Name, Sessions: s.sessions, Redirect: redirectOf(e.Logout.Redirect), Log: s.log,
	})
}

func redirectOf(r config.Redirect) *login.Redirect {
	return &login.Redirect{Query: r.Query, Header: r.Header, URL: r.URL}
}
