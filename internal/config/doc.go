// Package config reads an app's gramex.yaml, with everything it imports, into
// an immutable Config: $VARIABLES are substituted, defaults filled in, and
// every mistake is reported with its file, line and column, all at once.
//
// It knows what may be written, not what is done with it: server/build.go
// translates a Config into the Options of other packages. What users may
// write stands in docs/reference/config.md.
package config
