//go:build !unix

package ws

import "net"

// rawSocket returns nil: there are no descriptors of the kind that is needed.
func rawSocket(net.Conn, *buffers) socket { return nil }
