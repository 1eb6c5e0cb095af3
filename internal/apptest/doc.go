// Package apptest reads *.test.yaml files, which say how an app is to answer, and
// runs them against an app that is served. What may be written stands in
// docs/reference/test.md.
package apptest
