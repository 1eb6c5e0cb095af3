// Package parley is the vocabulary of Parley, a server for live applications:
// connections, messages, sessions, publications and close codes. It imports only
// the standard library.
//
// A Go program imports it and package server. This one is a chat room:
//
//	func main() {
//		app := server.New("gramex.yaml")
//		app.Handle("chat.open", func(ctx context.Context, c parley.Conn) error {
//			return c.Join("lobby")
//		})
//		app.HandleMessage("chat.say", func(ctx context.Context, c parley.Conn, m parley.Message) error {
//			return c.Publish("lobby", m)
//		})
//		log.Fatal(app.Run(context.Background()))
//	}
//
// The gramex.yaml names the functions, as open: {function: chat.open}. An App can
// do without one, and run inside another server: see its WebSocket and Start.
package parley
