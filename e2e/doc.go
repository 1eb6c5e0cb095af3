// Package e2e holds the tests that run the whole program as people do: the
// real binary with real Python workers, seen through a real browser, a real
// nginx and a WebSocket client that is not ours, and killed in the ways that
// processes are killed.
//
// The tests build parley themselves. A program that is missing fails the test
// that needs it, which names the Debian package. The seed document's files are
// read from $PARLEY_SEED (default ../../shared/seed/app).
package e2e
