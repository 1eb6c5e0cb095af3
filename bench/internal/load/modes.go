package load

import (
	"errors"
	"fmt"
	"time"
)

// Echo keeps Window messages in flight on each connection: for every answer
// the next message goes out, and for answers that came in one read the next
// ones go out in one write.
func Echo(opt Options) (Result, error) {
	return alone(opt.Core, func() (Result, error) {
		c, err := newClient(opt)
		if err != nil {
			return Result{}, err
		}
		defer c.close()
		k := &clock{client: c}
		c.message = func(conn *conn, f frame) error {
			if conn.next == conn.sent {
				return fmt.Errorf("got %.80q and had sent nothing", f.payload)
			}
			err := c.pool.check(conn.next, f)
			conn.next++
			return err
		}
		c.turn = func(conn *conn, n int) error {
			now := c.now()
			for i := conn.next - uint(n); i < conn.next; i++ {
				k.count(1, now-conn.at[i%uint(len(conn.at))])
			}
			return c.send(conn, n, now)
		}
		if err := c.openAll(); err != nil {
			return Result{}, fmt.Errorf("opening %d connections: %w", opt.Conns, err)
		}
		for _, conn := range c.conns {
			// Each begins elsewhere, so that one's answer is not another's.
			conn.next = uint(conn.id) * 7
			conn.sent = conn.next
			if err := c.send(conn, opt.Window, c.now()); err != nil {
				return Result{}, err
			}
		}
		return k.measure()
	})
}

// Room makes all connections members of one room: the first publishes, with
// Window publications in flight that some member has not got yet. A
// publication's time runs until its last delivery. Count is deliveries.
func Room(opt Options) (Result, error) {
	return alone(opt.Core, func() (Result, error) {
		c, err := newClient(opt)
		if err != nil {
			return Result{}, err
		}
		defer c.close()
		if err := c.openAll(); err != nil {
			return Result{}, fmt.Errorf("opening %d connections: %w", opt.Conns, err)
		}
		if err := c.gather(); err != nil {
			return Result{}, fmt.Errorf("waiting until all are in the room: %w", err)
		}
		k := &clock{client: c}
		publisher := c.conns[0]
		publisher.at = make([]time.Duration, opt.Window)
		got := make([]int, opt.Window) // deliveries of publication k, at k modulo Window
		c.message = func(conn *conn, f frame) error {
			if conn.next == publisher.sent {
				return fmt.Errorf("got %.80q, and has already got all that was published", f.payload)
			}
			if err := c.pool.check(conn.next, f); err != nil {
				return err
			}
			slot := conn.next % uint(opt.Window)
			conn.next++
			got[slot]++
			if k.running {
				k.result.Count++
			}
			if got[slot] < opt.Conns {
				return nil
			}
			now := c.now()
			if k.running {
				k.times.add(now-publisher.at[slot], 1)
			}
			got[slot] = 0
			return c.send(publisher, 1, now)
		}
		if err := c.send(publisher, opt.Window, c.now()); err != nil {
			return Result{}, err
		}
		return k.measure()
	})
}

// gather publishes until every member has got something, then waits until
// nothing is under way: servers join a connection to its room some time after
// its handshake.
func (c *client) gather() error {
	missing, heard := len(c.conns), c.now()
	c.message = func(conn *conn, _ frame) error {
		if conn.next == 0 {
			missing--
		}
		conn.next++
		heard = c.now()
		return nil
	}
	var published time.Duration
	err := c.until(func() (bool, int, error) {
		if c.now()-published < 100*time.Millisecond {
			return missing == 0, missing, nil
		}
		published = c.now()
		return missing == 0, missing, c.send(c.conns[0], 1, published)
	})
	if err != nil {
		return err
	}
	err = c.until(func() (bool, int, error) { return c.now()-heard > 200*time.Millisecond, int(heard), nil })
	for _, conn := range c.conns {
		conn.next, conn.sent = 0, 0
	}
	return err
}

// Handshakes keeps Conns connections in the making: each is reset as soon as
// its handshake is done, and another takes its place, with a cookie chosen at
// random. Count is handshakes.
func Handshakes(opt Options) (Result, error) {
	return alone(opt.Core, func() (Result, error) {
		c, err := newClient(opt)
		if err != nil {
			return Result{}, err
		}
		defer c.close()
		k := &clock{client: c}
		dial := func(conn *conn) error {
			conn.request = &c.requests[c.rng.IntN(len(c.requests))]
			return c.dial(conn)
		}
		c.opened = func(conn *conn) error {
			k.count(1, c.now()-conn.from)
			c.cut(conn)
			return dial(conn)
		}
		for i := range opt.Conns {
			if err := dial(&conn{id: i, head: make([]byte, 0, 4096)}); err != nil {
				return Result{}, err
			}
		}
		return k.measure()
	})
}

// Idle opens all connections, sends a message on each and gets its answer.
// When they have been silent for as long as For, it calls look, and closes
// them.
func Idle(opt Options, look func() error) error {
	opt.Window = 1
	_, err := alone(opt.Core, func() (struct{}, error) {
		c, err := newClient(opt)
		if err != nil {
			return struct{}{}, err
		}
		defer c.close()
		return struct{}{}, c.idle(look)
	})
	return err
}

func (c *client) idle(look func() error) error {
	if err := c.openAll(); err != nil {
		return fmt.Errorf("opening %d connections: %w", c.opt.Conns, err)
	}
	sent, answered := 0, 0
	c.message = func(conn *conn, f frame) error {
		if conn.next == conn.sent {
			return errors.New("got more than one answer")
		}
		err := c.pool.check(conn.next, f)
		conn.next++
		answered++
		return err
	}
	err := c.until(func() (bool, int, error) {
		for sent < len(c.conns) && sent-answered < parallel {
			if err := c.send(c.conns[sent], 1, c.now()); err != nil {
				return false, answered, err
			}
			sent++
		}
		return answered == len(c.conns), answered, nil
	})
	if err != nil {
		return fmt.Errorf("sending a message on each of %d connections: %w", c.opt.Conns, err)
	}
	if err := c.during(c.opt.For); err != nil {
		return err
	}
	return look()
}
