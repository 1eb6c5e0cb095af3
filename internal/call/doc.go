// Package call stands between endpoints and the runtimes that run their
// functions.
//
// It declares what a runtime is (Runtime, Stream, Effects), holds the
// functions of an endpoint as they were written (Functions), and chooses from
// their text which runtime runs them. Runtimes implement its interfaces and
// know nothing of each other.
package call
