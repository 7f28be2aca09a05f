package server

import (
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/metrics"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/wire"
)

// figures are what the server counts. A request costs some atomic additions and nothing else: all there is to be
// counted has its place from the start. Nothing is counted by bucket or key, of which there may be any number.
type figures struct {
	operations [op.Count + 1]operationFigures // at 0 what was no operation
	failures   map[fault.Code]*atomic.Int64   // not changed after init

	in, out  atomic.Int64 // bytes of bodies
	underWay atomic.Int64 // requests
}

// operationFigures are those of one operation.
type operationFigures struct {
	took    metrics.Histogram
	classes [6]atomic.Int64 // by first digit of the status; at 0 what had no answer
}

func (f *figures) init() {
	codes := fault.Codes()
	f.failures = make(map[fault.Code]*atomic.Int64, len(codes))
	for _, code := range codes {
		f.failures[code] = new(atomic.Int64)
	}
}

// count counts a request that has ended.
func (x *exchange) count(took time.Duration) {
	f := &x.figures
	o := &f.operations[x.operation]
	o.took.Observe(took)
	class := x.w.status / 100
	if class >= len(o.classes) {
		class = 0
	}
	o.classes[class].Add(1)
	f.in.Add(x.body.n)
	f.out.Add(x.w.n)
	f.underWay.Add(-1)
	if x.err == nil || errors.Is(x.err, wire.ErrGone) {
		return
	}
	if n := f.failures[fault.CodeOf(x.err)]; n != nil {
		n.Add(1)
	}
}

// Tell tells the figures of the server.
func (s *Server) Tell(m *metrics.Sink) {
	f := &s.figures
	for id := range f.operations {
		o := &f.operations[id]
		if o.took.Empty() {
			continue
		}
		name := "none"
		if id > 0 {
			name = op.ID(id).String()
		}
		m.Histogram("ois_request_seconds", "Time from the header of a request to the end of its answer.", &o.took, "operation", name)
		for class := range o.classes {
			if n := o.classes[class].Load(); n > 0 {
				m.Counter("ois_requests_total", "Requests that have ended, by class of status; cut is for those without an answer.",
					float64(n), "operation", name, "class", className(class))
			}
		}
	}
	for code, n := range f.failures {
		m.Counter("ois_errors_total", "Requests that have failed, by code.", float64(n.Load()), "code", string(code))
	}
	m.Counter("ois_received_bytes_total", "Bytes of bodies of requests.", float64(f.in.Load()))
	m.Counter("ois_sent_bytes_total", "Bytes of bodies of answers.", float64(f.out.Load()))
	m.Gauge("ois_requests_in_flight", "Requests under way.", float64(f.underWay.Load()))
	s.connections.tell(m)
}

func className(class int) string {
	if class == 0 {
		return "cut"
	}
	return strconv.Itoa(class) + "xx"
}
