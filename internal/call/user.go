package call

import "parley.example/parley"

// UserKey is the key of a session under which stands who has logged in.
const UserKey = "user"

// CurrentUser is who a function is told is there: byToken, which is Info.User;
// or else who has logged in in the session at this moment. session may be nil.
func CurrentUser(byToken parley.User, session parley.SharedSession) parley.User {
	if byToken != nil || session == nil {
		return byToken
	}
	return parley.ParseUser(session.Values()[UserKey])
}
