package cli

import (
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/oisproject/ois/internal/metrics"
)

// Limits of the port for administration. A profile that takes longer than adminWrite is refused by package pprof.
const (
	adminRead   = 10 * time.Second
	adminWrite  = 5 * time.Minute
	adminIdle   = time.Minute
	adminHeader = 16 << 10 // bytes
)

// adminServer is what runs on the port for administration.
func adminServer(r *running) *http.Server {
	return &http.Server{
		Handler: r.adminHandler(), ReadTimeout: adminRead, WriteTimeout: adminWrite, IdleTimeout: adminIdle, MaxHeaderBytes: adminHeader,
	}
}

// figures returns all figures of the server.
func (r *running) figures() *metrics.Registry {
	reg := metrics.New()
	reg.Add(r.api.Tell)
	reg.Add(r.dir.Tell)
	reg.Add(r.notifier.Tell)
	if r.replicator != nil {
		reg.Add(r.replicator.Tell)
	}
	return reg
}

// adminHandler answers on the port for administration. Who can reach that may read all of it.
func (r *running) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", r.figures().Handler(r.log))
	mux.HandleFunc("GET /-/health", func(w http.ResponseWriter, _ *http.Request) {
		if err := r.api.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// private reports whether only this machine can reach an address.
func private(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}
