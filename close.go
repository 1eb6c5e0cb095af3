package parley

import "strconv"

// A CloseCode says why a connection ended (RFC 6455 §7.4). 4000 to 4499 are
// Parley's for ends after which reconnecting may help, 4500 to 4999 for ends
// after which it will not; apps may use any code from 3000 to 4999.
type CloseCode uint16

// The close codes that Parley sends or reports.
const (
	CloseNormal      CloseCode = 1000
	CloseGoingAway   CloseCode = 1001 // the server drains, or the page was left
	CloseProtocol    CloseCode = 1002
	CloseUnsupported CloseCode = 1003
	CloseNoStatus    CloseCode = 1005 // never sent: the peer's close frame had no code
	CloseAbnormal    CloseCode = 1006 // never sent: the peer vanished without a close frame
	CloseInvalidData CloseCode = 1007 // text that is not UTF-8
	ClosePolicy      CloseCode = 1008
	CloseTooBig      CloseCode = 1009
	CloseInternal    CloseCode = 1011 // a function raised
	CloseRestart     CloseCode = 1012 // the worker that ran its functions died
	CloseSlow        CloseCode = 4000 // the peer reads too slowly
	CloseStale       CloseCode = 4001 // the peer answered no ping

	// CloseUnauthorized: the peer's right to be there has ended. With a fresh
	// token, or once somebody has logged in, it may come back.
	CloseUnauthorized CloseCode = 4401
)

// String returns the code's number.
func (c CloseCode) String() string { return strconv.Itoa(int(c)) }

// Sendable reports whether the code may stand in a close frame
// (RFC 6455 §7.4.1 and §7.4.2, and the registry of later codes).
func (c CloseCode) Sendable() bool {
	switch {
	case c >= 1000 && c <= 1014:
		return c != 1004 && c != CloseNoStatus && c != CloseAbnormal
	case c >= 3000 && c <= 4999:
		return true
	}
	return false
}
