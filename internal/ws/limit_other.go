//go:build !unix

package ws

import "math"

// descriptorLimit is a number that is never reached: there is no such limit.
func descriptorLimit() uint64 { return math.MaxInt32 }
