// Package star is the runtime for Starlark: expressions in the YAML, and .star
// modules beside it. It runs them in this process, on a goroutine of each
// connection, with a limit of steps and time for each call.
//
// What a module says at its top level is frozen once it has been loaded, so that
// all connections may run it at once, on all cores. What changes lives in
// handler.state, handler.session and app.state.
package star
