package httpd

// stackRoom is what answering a request needs of the stack, beyond what is on
// it when ServeHTTP begins.
const stackRoom = 8 << 10

// makeRoom makes the stack of its goroutine grow by stackRoom now, if it has
// to. net/http starts a goroutine for each connection, with a small stack. It
// would grow when it is deep, twice, and be copied frame by frame: that took a
// seventh of a handshake's time. With little on it, it costs next to nothing.
//
//go:noinline
func makeRoom(at int) byte {
	var room [stackRoom]byte
	return room[at%stackRoom] // so that there is a room
}
