// Package peer is the other end of an app in a test: browsers that open sockets
// and get pages, say what they want to hear, and write down what happened.
//
// It speaks WebSocket by a client that is not ours. Whatever goes otherwise than
// wanted is a *Failure.
package peer
