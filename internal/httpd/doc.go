// Package httpd is the way in over HTTP: it listens, believes or disbelieves
// proxy headers, gives each path to the first route whose pattern matches it,
// serves files, and writes the access log.
//
// It knows nothing of endpoints: a Route is a pattern and a function. Paths
// under /.parley/ are its own and come before all routes.
package httpd
