package login

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// An input is what was posted.
type input struct {
	user, password string
	token          string // of the form
	next           string // "" if there is none
	json           bool   // no form, but JSON; browsers send that to other sites only after asking
}

// tokenField is the name of the form's hidden field.
const tokenField = "_xsrf"

// read reads a form or a JSON object of texts. What stands in the URL does not
// count: URLs are kept in too many places.
func (a *SimpleAuth) read(w http.ResponseWriter, r *http.Request) (input, *reply) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" && kind != "application/x-www-form-urlencoded" {
		return input{}, &reply{status: http.StatusUnsupportedMediaType, text: "Only forms and application/json log in."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			return input{}, &reply{status: http.StatusRequestEntityTooLarge, text: "This is too much for a user name and a password."}
		}
		return input{}, &reply{status: http.StatusBadRequest, text: "The form did not come whole."}
	}
	get, err := fields(kind, body)
	if err != nil {
		return input{}, &reply{status: http.StatusBadRequest, text: "The form cannot be read."}
	}
	return input{
		user:     get(a.opt.UserField),
		password: get(a.opt.PasswordField),
		token:    get(tokenField),
		next:     get(a.way.query),
		json:     kind == "application/json",
	}, nil
}

// fields returns what has the values of a body's fields; "" for those that it
// does not have.
func fields(kind string, body []byte) (get func(name string) string, err error) {
	if kind != "application/json" {
		values, err := url.ParseQuery(string(body))
		return values.Get, err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil {
		return nil, err
	}
	return func(name string) (text string) {
		if json.Unmarshal(object[name], &text) != nil {
			return ""
		}
		return text
	}, nil
}

// wantsJSON reports whether a script reads the answer, not a person.
func wantsJSON(r *http.Request) bool {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return kind == "application/json" || r.Header.Get("X-Requested-With") != ""
}
