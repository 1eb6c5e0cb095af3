package load

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// IdleTLS is Idle over TLS: a goroutine per connection, for nothing is timed.
// It takes any certificate.
func IdleTLS(opt Options, look func() error) error {
	rng := rand.New(rand.NewPCG(1, 2))
	messages := newPool(opBinary, max(opt.Size, 8), 1, "", rng)
	all := requests(opt.Addr.String(), opt.Path, opt.Cookies, poolSize, rng)
	var (
		mu      sync.Mutex
		conns   []net.Conn
		failure error
	)
	defer func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	var wg sync.WaitGroup
	under := make(chan struct{}, parallel)
	for i := range opt.Conns {
		wg.Go(func() {
			under <- struct{}{}
			defer func() { <-under }()
			conn, err := dialTLS(opt, i, all[i%len(all)], messages)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failure = fmt.Errorf("connection %d: %w", i, err)
				return
			}
			conns = append(conns, conn)
		})
	}
	wg.Wait()
	if failure != nil {
		return failure
	}
	time.Sleep(opt.For)
	return look()
}

// dialTLS opens a connection, and sends a message and gets its answer.
func dialTLS(opt Options, i int, req request, messages *pool) (net.Conn, error) {
	dialer := net.Dialer{
		Timeout:   patience,
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%8))},
	}
	conn, err := tls.DialWithDialer(&dialer, "tcp4", opt.Addr.String(), &tls.Config{
		InsecureSkipVerify: true, // made for this run
		NextProtos:         []string{"http/1.1"},
	})
	if err != nil {
		return nil, err
	}
	if err := greet(conn, req, messages, uint(i)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, conn.SetDeadline(time.Time{})
}

func greet(conn net.Conn, req request, messages *pool, k uint) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := conn.Write(req.bytes); err != nil {
		return err
	}
	r := bufio.NewReaderSize(conn, 512)
	var head []byte
	for !bytes.HasSuffix(head, endOfHead) {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return err
		}
		head = append(head, line...)
	}
	if err := req.check(head); err != nil {
		return err
	}
	if _, err := conn.Write(messages.run(k, 1)); err != nil {
		return err
	}
	// A server's frame is as long as ours without the four octets of the key.
	answer := make([]byte, messages.frame-4)
	if _, err := io.ReadFull(r, answer); err != nil {
		return err
	}
	if size, known, err := frameSize(answer); err != nil || !known || size != len(answer) {
		return fmt.Errorf("not the frame that is due: % x", answer)
	}
	return messages.check(k, parseFrame(answer))
}
