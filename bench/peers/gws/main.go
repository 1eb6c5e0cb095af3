// Gws is a peer: github.com/lxzan/gws as its README teaches it.
package main

import (
	"flag"
	"log"
	"net/http"
	"sync"

	"github.com/lxzan/gws"
)

type echo struct{ gws.BuiltinEventHandler }

func (echo) OnMessage(socket *gws.Conn, message *gws.Message) {
	defer message.Close()
	_ = socket.WriteMessage(message.Opcode, message.Bytes())
}

type room struct {
	gws.BuiltinEventHandler

	mu      sync.Mutex
	members map[*gws.Conn]struct{}
}

func (r *room) OnOpen(socket *gws.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[socket] = struct{}{}
}

func (r *room) OnClose(socket *gws.Conn, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, socket)
}

func (r *room) OnMessage(_ *gws.Conn, message *gws.Message) {
	defer message.Close()
	b := gws.NewBroadcaster(message.Opcode, message.Bytes())
	defer b.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for socket := range r.members {
		_ = b.Broadcast(socket)
	}
}

func handle(path string, handler gws.Event) {
	upgrader := gws.NewUpgrader(handler, nil)
	http.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		socket, err := upgrader.Upgrade(w, r)
		if err != nil {
			return
		}
		go socket.ReadLoop() // in a goroutine of its own, so that the request can be collected
	})
}

func main() {
	addr := flag.String("addr", "127.0.0.1:9001", "where to listen")
	cert := flag.String("cert", "", "certificate file: TLS")
	key := flag.String("key", "", "key file")
	flag.Parse()
	handle("/echo", echo{})
	handle("/room", &room{members: map[*gws.Conn]struct{}{}})
	if *cert != "" {
		log.Fatal(http.ListenAndServeTLS(*addr, *cert, *key, nil))
	}
	log.Fatal(http.ListenAndServe(*addr, nil))
}
