// Package server serves an app: a gramex.yaml, the functions of a Go program, or
// both.
//
// A Go program makes an App with New, registers its functions and endpoints, and
// calls Run, or Start to be served by an http.Server of its own. An app without Go
// functions is a Server: Load reads it and joins the parts, Run serves until its
// context ends, Check tells what would be served.
package server
