// Package server serves a gramex.yaml app: Load reads it and joins the parts,
// Run serves until its context ends, Check tells what would be served.
package server
