// Package python is the runtime that runs functions in CPython: worker
// processes that it starts, feeds, watches and restarts.
//
// A Runtime keeps one worker alive, or several. Everything between it and one of
// them goes over one inherited socket as rows (docs/protocols/link.md). The
// parts, from the outside in:
//
//   - Runtime is the call.Runtime: it compiles, and finds the worker that a
//     connection or a call goes to: its session's.
//   - post is where one worker after the other serves the same sessions.
//     supervise starts them, with back-off, and beat watches that each goes on
//     turning.
//   - worker is the server's side of one process: who holds which number of
//     the link, and what each row means. It dies with its process, so nothing
//     of a dead link reaches the next.
//   - link makes octets of rows and rows of octets. It knows nothing of
//     connections, nor of who moves the octets: a loop, or a pump.
//   - process is the operating system's part: socket pair, pipes, signals.
//
// The worker's own code, in Python, lies in worker/ and is embedded.
package python
