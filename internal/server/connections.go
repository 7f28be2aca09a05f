package server

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/metrics"
	"github.com/oisproject/ois/internal/wire"
)

// connections counts the connections of a server and holds them to a limit. Each has at most one request under way,
// so that these are limited, too.
//
// Who comes when there are too many gets 503 at once and is not left to wait: it may go elsewhere, or come
// again, and the server never ceases to accept. That costs something, too, so only some are told so at the same time;
// the others are just closed.
type connections struct {
	most    int64 // 0 means that there is no limit
	secure  bool  // before a handshake nobody understands what we say
	product string
	open    atomic.Int64
	refused atomic.Int64
	telling atomic.Int64 // refusals under way
}

const (
	maxTelling = 64          // refusals at the same time
	tellWithin = time.Second // for one of them
	tellUnread = 256 << 10   // bytes that one reads of a request, as net/http does
)

// A gate is a listener that lets in as many as may be.
type gate struct {
	net.Listener
	c *connections
}

// Accept implements net.Listener. Who is let in counts until changed is told that it is closed.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if n := g.c.open.Add(1); g.c.most == 0 || n <= g.c.most {
			return conn, nil
		}
		g.c.open.Add(-1)
		g.c.refuse(conn)
	}
}

// changed is told each change of a connection by net/http.
func (c *connections) changed(_ net.Conn, state http.ConnState) {
	if state == http.StateClosed || state == http.StateHijacked {
		c.open.Add(-1)
	}
}

// refuse closes a connection, and tells why if it can.
func (c *connections) refuse(conn net.Conn) {
	c.refused.Add(1)
	if c.secure {
		_ = conn.Close()
		return
	}
	if c.telling.Add(1) > maxTelling {
		c.telling.Add(-1)
		_ = conn.Close()
		return
	}
	go func() { // it ends by itself, soon
		defer c.telling.Add(-1)
		defer conn.Close()
		c.tellFull(conn)
	}()
}

// tellFull answers the request that comes with 503. What comes with it is read, for to close a connection with something unread
// takes the answer away, too.
func (c *connections) tellFull(conn net.Conn) {
	if err := conn.SetDeadline(time.Now().Add(tellWithin)); err != nil {
		return
	}
	head := make([]byte, 64)
	n, err := conn.Read(head)
	if err != nil {
		return
	}
	id := requestID()
	kind, body := wire.JSONType, wire.ErrorBody(id, fault.Newf(fault.ServiceUnavailable, "the server has %d connections, which is all it takes; try again", c.most))
	if bytes.HasPrefix(head[:n], []byte("HEAD ")) {
		kind, body = wire.PlainType, nil
	}
	_, err = fmt.Fprintf(conn, "HTTP/1.1 503 Service Unavailable\r\nServer: %s\r\nDate: %s\r\nX-Qs-Request-Id: %s\r\nContent-Type: %s\r\n"+
		"Content-Length: %d\r\nRetry-After: %s\r\nConnection: close\r\n\r\n%s",
		c.product, time.Now().UTC().Format(http.TimeFormat), id, kind, len(body), wire.RetryAfter, body)
	if half, ok := conn.(interface{ CloseWrite() error }); ok && err == nil {
		err = half.CloseWrite()
	}
	if err == nil {
		_, _ = io.CopyN(io.Discard, conn, tellUnread) // it is closed next, whatever comes
	}
}

// tell tells the figures of connections.
func (c *connections) tell(m *metrics.Sink) {
	m.Gauge("ois_connections", "Connections that are open.", float64(c.open.Load()))
	m.Gauge("ois_connections_limit", "Connections that may be open, 0 if there is no limit.", float64(c.most))
	m.Counter("ois_connections_refused_total", "Connections that were refused because there were too many.", float64(c.refused.Load()))
}
