// Package endpoint is what stands behind one entry under url: a
// WebSocketHandler from the upgrade to on_close, or a FunctionHandler.
//
// It joins a connection of the engine with a stream of a runtime: it decides
// who may connect, holds the session, keeps the window of messages that are not
// done, and applies what functions do (effects). It knows neither YAML nor
// frames.
package endpoint
