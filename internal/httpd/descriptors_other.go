//go:build !unix

package httpd

import "math"

// descriptors is a number that is never reached: there is no such limit.
func descriptors() uint64 { return math.MaxInt32 }
